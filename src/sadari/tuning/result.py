"""What did a search for settings find? Its trials, what they show, and the comparison of the best with the default."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sadari.comparison.result import ComparisonResult
from sadari.evaluation.selection import Flattery, flattery
from sadari.notebook import Html, card, fact, table
from sadari.run import RunRecord
from sadari.settings import Value
from sadari.tuning.finals import DEFAULT, finalists
from sadari.tuning.request import SPEED, Tuning
from sadari.tuning.space import in_words, shown
from sadari.tuning.trials import DONE, FAILED, STOPPED, Trial, finished, front
from sadari.values import Verdict

if TYPE_CHECKING:
    import pandas as pd

FILE = "tune.json"
SHOWN = 10  # trials in a notebook and on a terminal


@dataclass(frozen=True, eq=False)
class TuneResult:
    """The result of a search. trials: all that began, in their order. importances: of each setting, the largest first.

    final: the best trials and the default, trained with fresh seeds and judged on test images; None while it is not
    made. default: what the model has by itself of what was searched. threads: with how many the trials were timed.
    """

    out: Path
    request: Tuning
    trials: tuple[Trial, ...]
    importances: Mapping[str, float]
    final: ComparisonResult | None
    default: Mapping[str, Value] = field(default_factory=dict)

    @property
    def best(self) -> Trial | None:
        """The trial with the best figure on validation images; None where none is done."""
        return next(iter(finished(self.trials)), None)

    @property
    def tuned(self) -> Trial | None:
        """The best trial that is not the default, which was judged on test images; None where there is none."""
        return next(iter(finalists(self.request, self.trials)), None)

    @property
    def front(self) -> tuple[Trial, ...]:
        """The trials that no other one beats both in accuracy and in speed; none where speed was no objective."""
        return tuple(front(self.trials)) if SPEED in self.request.objectives else ()

    @property
    def counts(self) -> str:
        """How many trials there were, and what became of them."""
        of = {state: sum(trial.state == state for trial in self.trials) for state in (DONE, STOPPED, FAILED)}
        more = [f"{count} {state}" for state, count in of.items() if count and state != DONE]
        return f"{len(self.trials)} trials" + (f", {', '.join(more)}" if more else "")

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on the best trial against the default, turned so that the trial comes first."""
        if self.final is None or self.tuned is None:
            return None
        for each in self.final.verdicts:
            if (each.a, each.b) == (self.tuned.name, DEFAULT):
                return each
            if (each.a, each.b) == (DEFAULT, self.tuned.name):
                return _turned(each)
        return None

    @property
    def gain(self) -> str:
        """The sentence that answers whether the tuned settings are better than the default ones, and by how much."""
        if self.final is None:
            return "The best settings are not judged on test images yet; the same command goes on."
        if self.tuned is None or self.verdict is None:
            return "No trial with other settings than the default was judged, so nothing is shown to be better than it."
        found, judges = self.verdict, self.final.data.judges
        points = f"{100 * found.difference:+z.1f} points, {100 * found.low:+z.1f} to {100 * found.high:+z.1f}"
        said = {
            "better": f"{self.tuned.name} is shown to be better than the default",
            "worse": f"{self.tuned.name} is shown to be worse than the default",
        }.get(found.verdict, f"{self.tuned.name} is not shown to be better than the default")
        seeds = len(self.final.records[DEFAULT])
        return f"{said}: {points} on {judges} ({seeds} fresh {'seed' if seeds == 1 else 'seeds'} each)."

    @property
    def flattery(self) -> tuple[Flattery, Flattery] | None:
        """By how much the best trial's validation accuracy is above that of fresh seeds, on validation and on test."""
        if self.final is None or self.best is None:
            return None
        name = DEFAULT if self.best.default else self.best.name
        records = [each for each in self.final.records.get(name, ()) if each.finished]
        if not records:
            return None
        return _flattery(self.best.run(self.out), records)

    @property
    def curse(self) -> str:
        """The sentence on the winner's curse: how much the best trial flatters; "" where that is not known."""
        found = self.flattery
        if found is None or self.best is None or self.final is None:
            return ""
        on_val, on_test = found
        does = "flatters" if on_val.shown or on_test.shown else "is not shown to flatter"
        seeds = len(self.final.records[DEFAULT if self.best.default else self.best.name])
        fresh = f"{seeds} fresh {'seed' if seeds == 1 else 'seeds'}"
        where = self.final.data.judged_on
        then = f"{100 * on_val.anew:.1f} there ({_gap(on_val)})"
        if where == "test":
            then += f" and {100 * on_test.anew:.1f} on test ({_gap(on_test)})"
        return (
            f"The best of {len(self.trials)} trials {does}: {self.best.name} has {100 * on_val.chosen:.1f} % on "
            f"validation, and its settings with {fresh} {then}."
        )

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the result shows, one sentence each."""
        return tuple(filter(None, (self.gain, self.curse, self.speed_note)))

    @property
    def speed_note(self) -> str:
        """What the speed of a trial is; "" where it was no objective."""
        if SPEED not in self.request.objectives:
            return ""
        threads = sorted({each.run(self.out).threads or 0 for each in self.trials if each.state == DONE})
        how = f"{' or '.join(map(str, threads))} thread{'s' if threads != [1] else ''}"
        return (
            "images_per_second was measured once for each trial: the forward passes over the validation images, their "
            f"preparation included, on this machine with {how}, whatever else it did; no trial was stopped early."
        )

    def document(self, report: Path | None = None) -> dict[str, Any]:
        """Return the document of `tune --json`, stored as `tune.json`."""
        found = self.flattery
        return {
            "out": str(self.out),
            "report": str(report) if report is not None else None,
            "model": self.request.model.reference,
            "data": self.request.data,
            "objectives": list(self.request.objectives),
            "pruner": self.request.pruner if self.request.prunes else "none",
            "seed": self.request.seed,
            "search": {key: each.text for key, each in self.request.space.items()},
            "default": dict(self.default),
            "trials": [each.document() for each in self.trials],
            "best": self.best.number if self.best else None,
            "front": [each.number for each in self.front],
            "importances": dict(self.importances),
            "verdict": asdict(self.verdict) if self.verdict else None,
            "flattery": {"validation": asdict(found[0]), "test": asdict(found[1])} if found else None,
            "sentences": list(self.sentences),
            "final": self.final.document() if self.final else None,
        }

    def to_json(self) -> str:
        """Return the same as the text of a JSON document."""
        return json.dumps(self.document(), indent=2, ensure_ascii=False)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per trial: number, a column for each setting, state, accuracy, loss, epochs and seconds."""
        import pandas as pd

        rows = [
            {
                "trial": each.number,
                **each.params,
                "state": each.state,
                "accuracy": each.accuracy,
                "loss": each.loss,
                "images_per_second": each.images_per_second,
                "epochs": each.epochs,
                "seconds": each.seconds,
                "reason": each.reason,
            }
            for each in self.trials
        ]
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        best = f", best {self.best.accuracy:.4f} on validation" if self.best and self.best.accuracy is not None else ""
        return f"<TuneResult {self.request.model.name}: {self.counts}{best}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the best trials, what they show, and the comparison with the default."""
        best = finished(self.trials)[:SHOWN]
        keys = list(self.request.space)
        rows = [(str(each.number), f"{each.accuracy:.4f}", *(shown(each.params[key]) for key in keys)) for each in best]
        weights = ", ".join(f"{key} {share:.2f}" for key, share in self.importances.items())
        return card(
            f"{self.request.model.name} tuned on {self.request.data}",
            (self.counts, f"default: {in_words(self.default)}" if self.default else ""),
            table(("trial", "validation", *keys), rows),
            *(fact(each) for each in (*self.sentences, f"importance: {weights}" if weights else "")),
            Html(self.final._repr_html_() if self.final else ""),
        )


def _turned(verdict: Verdict) -> Verdict:
    """Return the same verdict with its arms in the other order."""
    word = {"better": "worse", "worse": "better"}.get(verdict.verdict, verdict.verdict)
    return Verdict(
        a=verdict.b,
        b=verdict.a,
        difference=-verdict.difference,
        low=-verdict.high,
        high=-verdict.low,
        p=verdict.p,
        verdict=word,
        sentence=verdict.sentence,
        margin=verdict.margin,
        equal_p=verdict.equal_p,
        estimand=verdict.estimand,
    )


def _gap(found: Flattery) -> str:
    return f"{-100 * found.points:+z.1f} points, {-100 * found.high:+z.1f} to {-100 * found.low:+z.1f}"


def _flattery(chosen: RunRecord, records: Sequence[RunRecord]) -> tuple[Flattery, Flattery] | None:
    """Return how the validation accuracy of `chosen` compares with that of new runs, and with their judged accuracy."""
    import numpy as np

    from sadari.comparison.correct import correctness

    of_val, judged = chosen.answers.correct, correctness(records)
    groups, other = chosen.groups_on("val"), records[0].groups_on(records[0].summary["judged_on"])
    if records[0].summary["judged_on"] == "val":
        found = flattery(of_val, judged, same_images=True, groups=groups)
        return found, found
    anew = [each.correct_on("val") for each in records]
    if any(each is None or len(each) != len(of_val) for each in anew):
        return None
    on_val = flattery(of_val, np.stack([each for each in anew if each is not None]), same_images=True, groups=groups)
    return on_val, flattery(of_val, judged, same_images=False, groups=groups, other_groups=other)
