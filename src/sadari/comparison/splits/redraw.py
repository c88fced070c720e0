"""How often are the parts of a comparison drawn, and how? A value, part of the request.

Every training has a seed of its own: of S seeds a draw, those of draw d are d S to d S + S - 1. So a seed names the
draw of its run, and more draws leave those that are there as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sadari.comparison.splits.drawn import draw_again, draw_fold
from sadari.errors import UsageError
from sadari.progress import Progress
from sadari.settings import Settings
from sadari.values import ImageSet, Split

MOST_DRAWS = 1_000  # assumed: each is a run of every arm
MOST_RUNS = 10_000  # of an arm; as many as there may be seeds where the parts are drawn once


@dataclass(frozen=True)
class Redraw:
    """Parts that are drawn anew: `splits` times at random, or `repeats` times into as many `folds`.

    seeds: trainings of each arm on each draw. Raises UsageError for numbers that make no sense.
    """

    splits: int = 0
    folds: int = 0
    repeats: int = 1
    seeds: int = 1

    def __post_init__(self) -> None:
        if self.splits and self.folds:
            raise UsageError("--splits draws splits at random and --folds divides all images; take one of them")
        if (self.splits or self.folds) < 2 or self.draws > MOST_DRAWS:
            asked = f"--splits {self.splits}" if self.splits else f"--folds {self.folds} --repeats {self.repeats}"
            raise UsageError(f"splits are drawn from 2 to {MOST_DRAWS:,} times, not {asked}")
        if self.draws * self.seeds > MOST_RUNS:
            raise UsageError(
                f"an arm has at most {MOST_RUNS:,} runs, and --seeds {self.seeds} for each of {self.draws} {self.kind} "
                f"are {self.draws * self.seeds:,}; take fewer"
            )
        if self.seeds < 1:
            raise UsageError(f"an arm is trained with one seed at least on each of the {self.kind}, not {self.seeds}")
        if self.repeats < 1 or (self.splits and self.repeats > 1):
            raise UsageError(f"--repeats divides all images into --folds again, from once up, not {self.repeats}")

    @property
    def draws(self) -> int:
        """Return how many splits there are."""
        return self.splits or self.folds * self.repeats

    @property
    def kind(self) -> str:
        """Return what a draw is called, in the plural."""
        return "splits" if self.splits else "folds"

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """Return the seeds of all trainings of an arm."""
        return tuple(range(self.draws * self.seeds))

    def draw_of(self, seed: int) -> int:
        """Return the number of the draw of the run with `seed`, from 0 up."""
        return seed // self.seeds

    def name(self, draw: int) -> str:
        """Return the name of a draw, such as "split 3", "fold 2 of 5" or "fold 2 of 5, repeat 2"; more change none."""
        if self.splits:
            return f"split {draw + 1}"
        repeat, fold = divmod(draw, self.folds)
        again = f", repeat {repeat + 1}" if repeat else ""
        return f"fold {fold + 1} of {self.folds}{again}"

    def draw(self, images: ImageSet, settings: Settings, draw: int, progress: Progress | None = None) -> Split:
        """Draw the split of this number; raises as `draw_again` and `draw_fold`."""
        if self.splits:
            return draw_again(images, settings, draw, progress)
        return draw_fold(images, settings, self.folds, draw, images.groups, progress)

    @property
    def basis(self) -> str:
        """Return on what verdicts rest, for sentences: "10 splits", "5 folds" or "5 folds, 2 repeats"."""
        again = f", {self.repeats} repeats" if self.repeats > 1 else ""
        seeds = f", {self.seeds} seeds each" if self.seeds > 1 else ""
        return f"{self.splits or self.folds} {self.kind}{again}{seeds}"

    @property
    def more(self) -> str:
        """Return more of what would tell."""
        return "more splits or images" if self.splits else "more images"

    @property
    def words(self) -> list[str]:
        """Return the words of the command line that ask for it."""
        found = ["--splits", str(self.splits)] if self.splits else ["--folds", str(self.folds)]
        found += ["--repeats", str(self.repeats)] if self.repeats > 1 else []
        return found + (["--seeds", str(self.seeds)] if self.seeds > 1 else [])

    def document(self) -> dict[str, int]:
        """Return plain values, for `comparison.toml` and JSON."""
        if self.splits:
            return {"splits": self.splits, "seeds": self.seeds}
        return {"folds": self.folds, "repeats": self.repeats, "seeds": self.seeds}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Redraw | None":
        """Return what a document of a request holds under "redraw"; None where the parts are drawn once."""
        stored = document.get("redraw")
        return cls(**{str(key): int(value) for key, value in stored.items()}) if stored else None

    def contains(self, other: "Redraw | None") -> bool:
        """Return whether the draws of `other` are the first ones of these."""
        if other is None:
            return False
        alike = (self.folds, self.seeds, bool(self.splits)) == (other.folds, other.seeds, bool(other.splits))
        return alike and other.draws <= self.draws


def redraw_of(splits: int | None, folds: int | None, repeats: int | None, seeds: int | None) -> Redraw | None:
    """Return what the options ask for; None where parts are drawn once. Raises UsageError for what makes no sense."""
    if splits is None and folds is None:
        if repeats is not None:
            raise UsageError("--repeats divides all images into --folds again, and there are none; give --folds 5")
        return None
    if splits is not None and repeats is not None:
        raise UsageError("--repeats belongs to --folds; a larger --splits draws more")
    for name, value in (("--splits", splits), ("--folds", folds)):
        if value is not None and value < 2:
            raise UsageError(f"{name} is a number from 2 up, not {value}")
    return Redraw(splits or 0, folds or 0, 1 if repeats is None else repeats, 1 if seeds is None else seeds)
