"""How does a file of TensorBoard grow? Record by record, in this thread, so that a full disk is one sentence."""

from pathlib import Path
from time import time
from typing import Any

from sadari.errors import SadariError

# What TensorBoard calls the columns of history.csv.
SCALARS = {
    "train_loss": "loss/train",
    "train_accuracy": "accuracy/train",
    "val_loss": "loss/val",
    "val_accuracy": "accuracy/val",
    "learning_rate": "learning_rate",
    "seconds": "seconds_per_epoch",
}


class EventFile:
    """A file `path` of TensorBoard's events. Torch's own writer uses another thread, where a full disk is a traceback.

    Every method raises SadariError where the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.append(file_version="brain.Event:2")

    def append(self, **content: Any) -> None:
        """Write one event with these fields."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        try:
            with self._path.open("ab") as file:
                RecordWriter(file).write(Event(wall_time=time(), **content).SerializeToString())
        except OSError as error:
            raise SadariError(f"cannot write {self._path}: {error.strerror or error}; make room and go on") from None

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Write one figure."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        self.append(summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]), step=step)
