"""From ids to padded tensors."""
