"""Where is a run logged to while it trains? The words of --log-to become loggers of the registry."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit

from sadari.errors import UsageError, missing_package
from sadari.loggers.protocol import Logger
from sadari.loggers.to_mlflow import MlflowLogger
from sadari.loggers.to_tensorboard import TensorBoardLogger
from sadari.loggers.to_trackio import TrackioLogger
from sadari.loggers.to_wandb import WandbLogger
from sadari.registry import Registry


@dataclass(frozen=True)
class Tracker:
    """One kind of tracker. title: its name in sentences. package, extra: what has to be installed for it.

    make: makes a logger for a place, "" for the tracker's own one. nests: whether runs stand inside their comparison
    there, so that this has to begin before them.
    """

    title: str
    package: str
    extra: str
    make: Callable[[str], Logger]
    nests: bool = False


LOGGERS: Registry[Tracker] = Registry("logger")
LOGGERS.add("mlflow", Tracker("MLflow", "mlflow", "mlflow", MlflowLogger, nests=True))
LOGGERS.add("wandb", Tracker("W&B", "wandb", "wandb", WandbLogger))
LOGGERS.add("trackio", Tracker("Trackio", "trackio", "trackio", TrackioLogger))
LOGGERS.add("tensorboard", Tracker("TensorBoard", "tensorboard", "", TensorBoardLogger))


@dataclass(frozen=True)
class Target:
    """A tracker, and the place in it: such as mlflow and http://tracking:5000."""

    name: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.place}" if self.place else self.name

    @property
    def tracker(self) -> Tracker:
        """Return the kind of tracker."""
        return LOGGERS.get(self.name)


def parse_targets(words: str | Iterable[str]) -> tuple[Target, ...]:
    """Return the targets of "mlflow:URI,wandb:PROJECT,trackio,tensorboard:FOLDER", or of several such texts.

    Raises UsageError for an unknown tracker, one that is named twice, and an address with a password, which would be
    stored in the run folder; SadariError for a tracker whose package is not installed.
    """
    texts = [words] if isinstance(words, str) else list(words)
    found = []
    for text in (each.strip() for given in texts for each in given.split(",")):
        if not text:
            continue
        name, _, place = text.partition(":")
        tracker = LOGGERS.get(name)
        if find_spec(tracker.package) is None:
            raise missing_package(f"logging to {tracker.title}", tracker.package, tracker.extra)
        if "@" in place and _password(place, tracker):
            raise UsageError(
                f"the address of {tracker.title} has a password, which the run folder would store; give it in the "
                f"environment, such as MLFLOW_TRACKING_URI, and write --log-to {name}"
            )
        found.append(Target(name, place))
    names = [each.name for each in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"--log-to names {twice} twice; a run is logged to one place of each")
    return tuple(found)


def _password(place: str, tracker: Tracker) -> bool:
    """Return whether the address `place` has a password; raises UsageError, without it, for what is no address."""
    try:
        return bool(urlsplit(place).password)
    except ValueError as error:
        raise UsageError(f"the address of {tracker.title} is none ({error}); write one like http://HOST:5000") from None


def stored_target(text: str) -> Target | None:
    """Return the target that `str` of it was; None for one that this version does not know."""
    name, _, place = text.partition(":")
    return Target(name, place) if name in LOGGERS else None


def listed(targets: Sequence[Target]) -> str:
    """Return the targets as --log-to takes them."""
    return ",".join(map(str, targets))
