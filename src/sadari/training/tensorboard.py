"""What does TensorBoard see of a run? Scalars after every epoch; on request samples and histograms too."""

from pathlib import Path
from socket import gethostname
from time import time

import numpy as np
from torch import nn

from sadari.loggers.event_file import SCALARS, EventFile
from sadari.values import ImageSet, Split

SAMPLES = 25  # images shown, as in the first plot of article A0
BINS = 64  # of a histogram of weights (assumed: finer than a screen shows is wasted)


class Events:
    """A writer of `events.*` in the run folder `out`, with as much as `level` says: "off", "scalars" or "all".

    Every method raises SadariError where the disk is full.
    """

    def __init__(self, out: Path, level: str, network: nn.Module, images: ImageSet, split: Split) -> None:
        self._on, self._all = level != "off", level == "all"
        self._network = network
        if not self._on:
            return
        for old in out.glob("events.*"):
            old.unlink()  # a run that goes on writes its whole history again, from the rows of history.csv
        self._file = EventFile(out / f"events.out.tfevents.{int(time())}.{gethostname()}")
        if self._all:
            from torch.utils.tensorboard.summary import image

            chosen = split.train[:SAMPLES]
            samples = image(  # type: ignore[no-untyped-call]
                "samples/train", np.asarray(images.images[chosen]), dataformats="NHWC"
            )
            self._file.append(samples.SerializeToString())

    def write(self, rows: list[dict[str, float]]) -> None:
        """Write `rows` of the history; with "all", also the distribution of every weight as it is, for the last row."""
        if not self._on or not rows:
            return
        for row in rows:
            for name, tag in SCALARS.items():
                if name in row:
                    self._file.scalar(tag, row[name], int(row["epoch"]))
        if self._all:
            self._write_weights(int(rows[-1]["epoch"]))

    def _write_weights(self, epoch: int) -> None:
        from torch.utils.tensorboard.summary import histogram

        for name, parameter in self._network.named_parameters():
            weights = parameter.detach().float().cpu().numpy()
            finite = weights[np.isfinite(weights)]
            if finite.size:
                summary = histogram(name, finite, BINS)  # type: ignore[no-untyped-call]
                self._file.append(summary.SerializeToString(), epoch)
