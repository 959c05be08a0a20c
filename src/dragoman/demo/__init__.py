"""The main job on the built-in corpus."""
