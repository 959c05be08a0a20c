"""What a training foresees and says of itself: forecasts, the coach, the closing line, the model card."""
