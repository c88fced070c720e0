"""What does TensorBoard see of a run? Scalars after every epoch; on request samples and histograms too."""

from pathlib import Path
from types import TracebackType

import numpy as np
from torch import nn

from sadari.values import ImageSet, Split

SAMPLES = 25  # images shown, as in article A0's first plot
SCALARS = {
    "train_loss": "loss/train",
    "train_accuracy": "accuracy/train",
    "val_loss": "loss/val",
    "val_accuracy": "accuracy/val",
    "learning_rate": "learning_rate",
    "seconds": "seconds_per_epoch",
}


class Events:
    """Writes `events.*` into the run folder `out`, as much as `level` says: "off", "scalars" or "all"."""

    def __init__(self, out: Path, level: str, network: nn.Module, images: ImageSet, split: Split) -> None:
        self._all = level == "all"
        self._network = network
        self._writer = None
        if level == "off":
            return
        from torch.utils.tensorboard import SummaryWriter  # a tenth of a second, only where it is wanted

        for old in out.glob("events.*"):
            old.unlink()  # a run that goes on tells its whole history again, from history.csv's rows
        self._writer = SummaryWriter(str(out))
        if self._all:
            chosen = split.train[:SAMPLES]
            self._writer.add_images("samples/train", np.asarray(images.images[chosen]), dataformats="NHWC")

    def epoch(self, row: dict[str, float]) -> None:
        """Tell one row of the history; with "all", the distribution of every weight as it stands."""
        if self._writer is None:
            return
        number = int(row["epoch"])
        for name, tag in SCALARS.items():
            if name in row:
                self._writer.add_scalar(tag, row[name], number)
        if self._all:
            for name, weights in self._network.named_parameters():
                self._writer.add_histogram(name, weights.detach().float().cpu(), number)

    def __enter__(self) -> "Events":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
