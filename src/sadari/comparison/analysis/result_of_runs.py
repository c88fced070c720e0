"""How do runs become the result of a comparison? Correctness and figures first, then what pairs and all show."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sadari.comparison.analysis.data_facts import DataFacts
from sadari.comparison.analysis.measuring import differences
from sadari.comparison.analysis.robustness import read_robustness
from sadari.comparison.arm_result import arm_result, ranked
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.comparison.seeds.looked import at_look, looked_at
from sadari.comparison.seeds.networks import are_one_network
from sadari.comparison.splits.arms import measured, redrawn_verdicts
from sadari.evaluation.arms.best import find_winner
from sadari.evaluation.arms.borrowing import borrow
from sadari.evaluation.arms.letters import letters
from sadari.evaluation.selection import overstated
from sadari.evaluation.statistics import LEVEL, verdicts
from sadari.job_record import JobRecord
from sadari.run import RunRecord
from sadari.values import ImageSet, Split


def make_result(
    request: Comparison,
    jobs: Mapping[str, JobRecord],
    records: Mapping[str, Sequence[RunRecord]],
    reasons: Mapping[str, Sequence[str]],
    *,
    out: Path,
    data: DataFacts,
    images: ImageSet | None,
    split: Split,
    margin: float | None = None,
) -> ComparisonResult:
    """Make the result from the finished runs and the reasons of the failed ones, by the names of the arms.

    jobs: one of each arm, for its settings. margin: within which arms may be found equal. The caller adds claims and
    the command. No pair is judged with a failed arm, since the seeds that finished are a selection, nor by training
    images, which say nothing about others.
    """
    groups = data.groups_of(split)
    correct, figures = measured(request.redraw, records, data.grouping)
    alike = frozenset(name for name in correct if not request.redraw and are_one_network(records[name]))
    done = [arm.name for arm in request.judged_arms if arm.name in figures and not reasons[arm.name]]
    done = done if data.judged_on != "train" else []  # these judge no arm
    share = {name: figures[name]["accuracy"].mean if request.redraw else float(correct[name].mean()) for name in done}
    done.sort(key=lambda name: -share[name])  # as `ranked` does
    looked = looked_at(request, {name: correct[name] for name in done if name in correct}, alike, margin, groups)
    results = ranked(
        [
            arm_result(
                arm,
                jobs[arm.name],
                records[arm.name],
                reasons[arm.name],
                correct.get(arm.name),
                figures.get(arm.name, {}),
                data.copied,
                request.redraw is not None,
                arm.name in looked.alike,
                looked.level_of(arm.name),
                groups,
            )
            for arm in request.judged_arms
        ]
    )
    if request.redraw:
        accuracies = [(name, figures[name]["accuracy"]) for name in done]
        count, on = data.counts[data.judged_on], data.judged_on
        judged = redrawn_verdicts(request.redraw, accuracies, count, margin, on, data.groups)
    else:
        pairs = [(name, correct[name]) for name in done]
        judged = looked.last.verdicts or tuple(verdicts(pairs, margin, looked.alike, groups))
    lettered = letters(done, judged)
    results = tuple(replace(arm, letters=lettered.get(arm.name, "")) for arm in results)
    compared = {name: correct[name] for name in done if name in correct and not request.redraw}
    return ComparisonResult(
        out=out,
        title=request.title,
        data=_with_choice(request, data),
        arms=results,
        verdicts=judged,
        records={arm.name: tuple(records[arm.name]) for arm in results},
        arms_asked=request.judged_arms,
        images=images,
        split=split,
        notes=request.notes,
        robustness=read_robustness({arm.name: records[arm.name] for arm in request.judged_arms}, groups=groups),
        margin=margin,
        overstated=overstated({name: correct[name] for name in done if name in correct}, judged, groups),
        differences=differences(
            [(name, figures[name]) for name in done], at_look(looked, records, figures, data.grouping)
        ),
        looked=looked,
        redraw=request.redraw,
        winner=find_winner(compared, judged, min(map(looked.level_of, compared), default=LEVEL), groups),
        borrowing=borrow(list(compared.items()), margin) if len(looked.judged) < 2 and groups is None else None,
    )


def _with_choice(request: Comparison, data: DataFacts) -> DataFacts:
    """Add that the judging images chose the ensemble too, where no test images judge."""
    if not request.ensemble or data.judged_on == "test":
        return data
    return replace(data, sentences=(*data.sentences, "they chose the ensemble too, which flatters it more"))
