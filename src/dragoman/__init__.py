"""dragoman trains, runs and opens up Transformer translators on hardware that people own."""

__version__ = "0.1.0"
