"""TensorBoard's event file, written without a thread of its own: what fails here is raised where it can be answered."""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


class Curves:
    """One file of events in a folder, which TensorBoard joins to those of earlier starts."""

    def __init__(self, folder: Path, step: int):
        """`step` is where the training begins or goes on: TensorBoard forgets what earlier files have beyond.

        Raises:
            OSError: the file cannot be written.
        """
        folder.mkdir(exist_ok=True)
        name = f"events.out.tfevents.{time.time():017.6f}.{os.getpid()}"
        self._records = RecordWriter((folder / name).open("xb"))
        self._write(Event(file_version="brain.Event:2"))
        self._write(Event(step=step + 1, session_log=SessionLog(status=SessionLog.START)))

    def add(self, numbers: Mapping[str, float], step: int) -> None:
        """One point of each curve.

        Raises:
            OSError: the file cannot be written.
        """
        values = [Summary.Value(tag=name, simple_value=number) for name, number in numbers.items()]
        self._write(Event(step=step, summary=Summary(value=values)))

    def close(self) -> None:
        """Everything is on the disk already; gives the file back."""
        self._records.close()

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        try:
            self._records.write(event.SerializeToString())
            self._records.flush()
        except OSError:
            with suppress(OSError):
                self.close()
            raise
