"""What has the search done so far? One file in its folder, written whole after every run, so that it can go on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sadari.comparison.best.cost_model import CostModel, Counts
from sadari.comparison.best.halving import TrainingPlan
from sadari.comparison.request import same_text
from sadari.errors import SadariError
from sadari.files import read_json, write_json

STATE = "best.json"


@dataclass(frozen=True)
class Trial:
    """The run of one model in one round.

    round: from 1. passes, fraction: what was planned; done: passes that were made. seconds: of the whole run; learning:
    of its passes. accuracy, loss: on the validation images; None with a `reason` where the run failed.
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

    def cost(self, counts: Counts) -> CostModel | None:
        """Return the cost of the model in this run, None where it failed. counts: of the whole training split."""
        if not self.done:
            return None
        return CostModel.of_run(self.seconds, self.learning, self.done, counts.with_train_fraction(self.fraction))


@dataclass(frozen=True)
class FinalPlan:
    """The training of the finalists: a plan for each, by name, and the number of seeds."""

    plans: Mapping[str, TrainingPlan]
    seeds: int

    def to_json(self) -> dict[str, Any]:
        return {"plans": {name: asdict(plan) for name, plan in self.plans.items()}, "seeds": self.seeds}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "FinalPlan":
        plans = {name: TrainingPlan(**plan) for name, plan in document["plans"].items()}
        return cls(plans, document["seeds"])


@dataclass
class SearchState:
    """The request of a search, its measurements, and its decisions.

    request: the text of the request. budget: in seconds. measuring: seconds that measuring took. costs: by model;
    untried: why other models have none. cut_off: seconds of trials that Ctrl-C ended, by the folder of the run, which
    count when the trials are done. final_plan: of the finalists, None before the rounds are over. final_seconds: of
    each of their runs, by the name of its folder; final_reasons: why it failed, where it did. late_costs: of models
    that were measured when the finalists had left time, late_measuring: the seconds of that.
    """

    path: Path
    request: str
    budget: float
    measuring: float = 0.0
    costs: dict[str, CostModel] = field(default_factory=dict)
    untried: dict[str, str] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    cut_off: dict[str, float] = field(default_factory=dict)
    final_plan: FinalPlan | None = None
    final_seconds: dict[str, float] = field(default_factory=dict)
    final_reasons: dict[str, str] = field(default_factory=dict)
    late_costs: dict[str, CostModel] = field(default_factory=dict)
    late_measuring: float = 0.0

    def write(self) -> None:
        """Store everything; raises SadariError where the disk is full."""
        write_json(
            self.path,
            {
                "request": self.request,
                "budget": self.budget,
                "measuring": self.measuring,
                "paces": {name: asdict(cost) for name, cost in self.costs.items()},
                "untried": self.untried,
                "trials": [asdict(trial) for trial in self.trials],
                "cut_off": self.cut_off,
                "step": self.final_plan.to_json() if self.final_plan else None,
                "final_seconds": self.final_seconds,
                "final_reasons": self.final_reasons,
                **self._late(),
            },
        )

    def _late(self) -> dict[str, Any]:
        if not self.late_measuring:
            return {}
        costs = {name: asdict(cost) for name, cost in self.late_costs.items()}
        return {"late_costs": costs, "late_measuring": self.late_measuring}

    @classmethod
    def read(cls, folder: Path) -> "SearchState":
        """Read the state that is stored in `folder`; raises SadariError where there is none, or it is damaged."""
        path = folder / STATE
        document = read_json(path)
        try:
            return cls(
                path=path,
                request=document["request"],
                budget=document["budget"],
                measuring=document["measuring"],
                costs={name: CostModel(**cost) for name, cost in document["paces"].items()},
                untried=dict(document.get("untried", {})),  # not in the first files
                trials=[Trial(**trial) for trial in document["trials"]],
                cut_off=dict(document.get("cut_off", {})),
                final_plan=FinalPlan.from_json(document["step"]) if document["step"] else None,
                final_seconds=dict(document["final_seconds"]),
                final_reasons=dict(document.get("final_reasons", {})),
                late_costs={name: CostModel(**cost) for name, cost in document.get("late_costs", {}).items()},
                late_measuring=document.get("late_measuring", 0.0),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise SadariError(f"{path} is damaged ({error}); delete the folder and start again") from None

    def spent(self, before: int | None = None) -> float:
        """Return the seconds of measuring and of the rounds (of those before round number `before`)."""
        trials = [trial for trial in self.trials if before is None or trial.round < before]
        return self.measuring + sum(trial.seconds for trial in trials)

    def left(self) -> float:
        """Return the seconds of the budget that are not used yet."""
        return self.budget - self.spent() - self.late_measuring - sum(self.final_seconds.values())

    def ranking(self) -> list[Trial]:
        """Return the last finished trial of each arm: the winner first, then in the order of dropping out.

        Models that failed in a later round come last, as they would probably fail again; a round in which all models
        fail says nothing about any of them.
        """
        last = {trial.arm: trial for trial in self.trials if trial.accuracy is not None}
        finished_rounds = {trial.round for trial in last.values()}
        failed = {trial.arm for trial in self.trials if trial.accuracy is None and trial.round in finished_rounds}
        scores = {name: (-each.round, -(each.accuracy or 0.0), each.loss or 0.0) for name, each in last.items()}
        return sorted(last.values(), key=lambda each: (each.arm in failed, scores[each.arm]))

    def trial(self, number: int, arm: str) -> Trial | None:
        """Return the trial of `arm` in round `number`, or None where there is none yet."""
        return next((each for each in self.trials if (each.round, each.arm) == (number, arm)), None)


def holds(folder: Path, request: str, budget: float) -> bool:
    """Return whether `folder` has a search with exactly this request and budget."""
    try:
        state = SearchState.read(folder)
    except SadariError:
        return False
    return state.budget == budget and same_text(state.request, request)
