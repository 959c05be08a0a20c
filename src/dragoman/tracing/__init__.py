"""The recorder that the parts of a model report to, and the record of one sentence's way through it."""

from dragoman.tracing.recorder import Recorder, recorded, recording, report
from dragoman.tracing.trace import AttentionTrace, Candidate, Trace

__all__ = ["AttentionTrace", "Candidate", "Recorder", "Trace", "recorded", "recording", "report"]
