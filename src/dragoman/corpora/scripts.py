"""Scripts that are written without spaces between words, as patterns for one of their letters."""

IDEOGRAMS = "[\u3040-\u30ff\u3400-\u9fff]"
"""Chinese and Japanese."""
SYLLABLES = "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"
"""Thai, Lao, Burmese and Khmer."""
