"""What has the search done so far? One file in its folder, written whole after every run, so that it can go on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sadari.comparison.best.cost_model import Counts, Pace
from sadari.comparison.best.halving import Plan
from sadari.errors import SadariError
from sadari.files import read_json, write_json

DIARY = "best.json"


@dataclass(frozen=True)
class Trial:
    """What came of one model in one round?

    round: from 1. passes, fraction: what was planned; done: passes that were made. seconds: all of it; learning: those
    of the passes. accuracy, loss: on the validation images; None with a `reason` where the run failed.
    """

    round: int
    arm: str
    passes: int
    fraction: float
    seconds: float
    done: int = 0
    learning: float = 0.0
    accuracy: float | None = None
    loss: float | None = None
    reason: str = ""

    def pace(self, counts: Counts) -> Pace | None:
        """How fast was it? None where it failed. counts: of the whole training split."""
        if not self.done:
            return None
        return Pace.of_run(self.seconds, self.learning, self.done, counts.thinned(self.fraction))


@dataclass(frozen=True)
class Step:
    """What do the finalists train? A plan for each, by name, with so many seeds."""

    plans: Mapping[str, Plan]
    seeds: int

    def to_json(self) -> dict[str, Any]:
        return {"plans": {name: asdict(plan) for name, plan in self.plans.items()}, "seeds": self.seeds}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Step":
        return cls({name: Plan(**plan) for name, plan in document["plans"].items()}, document["seeds"])


@dataclass
class Diary:
    """What was asked for, what was measured, and what was decided by it.

    request: the text of what was asked for. budget: in seconds. measuring: seconds that the paces took. untried: why
    models have none, by name. cut_off: seconds of trials that Ctrl-C ended, by the folder of the run, which count when
    they are done. step: what the finalists train, None before the rounds are over. final_seconds: of each of their
    runs, by the name of its folder; final_reasons: why it failed, where it did.
    """

    path: Path
    request: str
    budget: float
    measuring: float = 0.0
    paces: dict[str, Pace] = field(default_factory=dict)
    untried: dict[str, str] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    cut_off: dict[str, float] = field(default_factory=dict)
    step: Step | None = None
    final_seconds: dict[str, float] = field(default_factory=dict)
    final_reasons: dict[str, str] = field(default_factory=dict)

    def write(self) -> None:
        """Keep everything; raises SadariError where the disk is full."""
        write_json(
            self.path,
            {
                "request": self.request,
                "budget": self.budget,
                "measuring": self.measuring,
                "paces": {name: asdict(pace) for name, pace in self.paces.items()},
                "untried": self.untried,
                "trials": [asdict(trial) for trial in self.trials],
                "cut_off": self.cut_off,
                "step": self.step.to_json() if self.step else None,
                "final_seconds": self.final_seconds,
                "final_reasons": self.final_reasons,
            },
        )

    @classmethod
    def read(cls, folder: Path) -> "Diary":
        """What `write` kept in `folder`; raises SadariError where there is none, or it is damaged."""
        path = folder / DIARY
        document = read_json(path)
        try:
            return cls(
                path=path,
                request=document["request"],
                budget=document["budget"],
                measuring=document["measuring"],
                paces={name: Pace(**pace) for name, pace in document["paces"].items()},
                untried=dict(document.get("untried", {})),  # later than the first diaries
                trials=[Trial(**trial) for trial in document["trials"]],
                cut_off=dict(document.get("cut_off", {})),
                step=Step.from_json(document["step"]) if document["step"] else None,
                final_seconds=dict(document["final_seconds"]),
                final_reasons=dict(document.get("final_reasons", {})),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise SadariError(f"{path} is damaged ({error}); delete the folder and start again") from None

    def spent(self, before: int | None = None) -> float:
        """Seconds spent on measuring and in the rounds (those before round number `before`)."""
        trials = [trial for trial in self.trials if before is None or trial.round < before]
        return self.measuring + sum(trial.seconds for trial in trials)

    def left(self) -> float:
        """Seconds of the budget that nothing has taken yet."""
        return self.budget - self.spent() - sum(self.final_seconds.values())

    def standing(self) -> list[Trial]:
        """The last trial of each arm that came to an end: the winner first, then in the order of dropping out.

        Who failed in a later round comes last, and would likely fail again; a round in which all fail says nothing.
        """
        last = {trial.arm: trial for trial in self.trials if trial.accuracy is not None}
        telling = {trial.round for trial in last.values()}
        failed = {trial.arm for trial in self.trials if trial.accuracy is None and trial.round in telling}
        scores = {name: (-each.round, -(each.accuracy or 0.0), each.loss or 0.0) for name, each in last.items()}
        return sorted(last.values(), key=lambda each: (each.arm in failed, scores[each.arm]))

    def trial(self, number: int, arm: str) -> Trial | None:
        """What came of `arm` in round `number`, where that is known."""
        return next((each for each in self.trials if (each.round, each.arm) == (number, arm)), None)


def holds(folder: Path, request: str, budget: float) -> bool:
    """Is in `folder` a search for just this?"""
    try:
        diary = Diary.read(folder)
    except SadariError:
        return False
    return (diary.request, diary.budget) == (request, budget)
