"""How does a run come into TensorBoard? As files below one folder, with settings, scores and pictures."""

import os
from collections.abc import Mapping
from pathlib import Path
from socket import gethostname
from time import time

from sadari.loggers.event_file import SCALARS, EventFile
from sadari.loggers.protocol import End, Start

LOGGED = "logged.tfevents"  # how the names of its files begin


class TensorBoardLogger:
    """Writes into FOLDER/COMPARISON/RUN; without a place into the run folder, beside the files that are there anyway.

    The id of a run is its folder.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._metrics = True
        self._params: Mapping[str, str] = {}

    def begin(self, start: Start) -> str:
        """Open a new file; that of a run which goes on stands beside the earlier ones, as TensorBoard expects."""
        folder = Path(self._place, start.group, start.name).absolute() if self._place else start.folder
        folder = Path(start.known) if start.known else folder
        folder.mkdir(parents=True, exist_ok=True)
        self._metrics = bool(self._place) or not start.own_events
        self._params = start.params
        # Not events.*: those of the run folder are written anew when the run goes on.
        self._file = EventFile(folder / f"{LOGGED}.{time():.6f}.{gethostname()}.{os.getpid()}")
        if not start.known:
            self._text("settings", _rows(start.params))
            self._text("run", _rows(start.tags))
        return str(folder)

    def epoch(self, row: Mapping[str, float]) -> None:
        """Write the scalars of an epoch, unless the run does that itself."""
        for name, tag in SCALARS.items():
            if self._metrics and name in row:
                self._file.scalar(tag, row[name], int(row["epoch"]))

    def end(self, end: End) -> None:
        """Write the scores, as scalars and for the page of hyperparameters, the note, and the pictures."""
        for name, value in end.figures.items():
            self._file.scalar(name, value, end.step)
        self._hyperparameters(end.figures)
        if end.note:
            self._text("result", end.note)
        for name, path in end.pictures.items():
            self._picture(name, path)

    def stop(self, interrupted: bool) -> None:
        """Do nothing: every record is in the file already."""

    def _text(self, tag: str, text: str) -> None:
        from torch.utils.tensorboard.summary import text as summary

        self._file.append(summary(tag, text).SerializeToString())  # type: ignore[no-untyped-call]

    def _hyperparameters(self, figures: Mapping[str, float]) -> None:
        from torch.utils.tensorboard.summary import hparams

        scores = {name: value for name, value in figures.items() if name.startswith("scores/")}
        for summary in hparams(dict(self._params), scores):  # type: ignore[no-untyped-call]
            self._file.append(summary.SerializeToString())

    def _picture(self, name: str, path: Path) -> None:
        from PIL import Image
        from tensorboard.compat.proto.summary_pb2 import Summary

        with Image.open(path) as image:
            width, height = image.size
        found = Summary.Image(height=height, width=width, colorspace=4, encoded_image_string=path.read_bytes())
        self._file.append(Summary(value=[Summary.Value(tag=name, image=found)]).SerializeToString())


def _rows(values: Mapping[str, str]) -> str:
    """Return a table of Markdown, as TensorBoard shows it."""
    cells = (f"| {name} | {value.replace('|', '&#124;')} |" for name, value in values.items())
    return "\n".join(["| | |", "|---|---|", *cells])
