"""What is the result of a comparison? Arms, verdicts and histories, read from the run folders; as JSON and frames."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sadari.comparison.analysis.data_facts import DataFacts
from sadari.comparison.analysis.learning_curve import learning_curves
from sadari.comparison.analysis.measuring import FigureDifference, differences
from sadari.comparison.analysis.robustness import Robustness, read_robustness
from sadari.comparison.arm_result import DONE, ArmResult, arm_result, ranked
from sadari.comparison.claims.verdict import ClaimVerdict
from sadari.comparison.request import Comparison
from sadari.comparison.seeds.looked import Looked, at_look, looked_at
from sadari.comparison.seeds.networks import are_one_network
from sadari.comparison.splits.arms import measured, redrawn_verdicts
from sadari.comparison.splits.judged import whole_predictions
from sadari.comparison.splits.redraw import Redraw
from sadari.comparison.variants import Arm
from sadari.evaluation.arms.best import Winner, find_winner
from sadari.evaluation.arms.borrowing import Borrowing, borrow
from sadari.evaluation.arms.letters import letters
from sadari.evaluation.selection import overstated
from sadari.evaluation.sentences import SUCH_SETS, THESE_NETWORKS, THIS_SET
from sadari.evaluation.statistics import LEVEL, verdicts
from sadari.notebook import card, fact, table
from sadari.run import RunRecord
from sadari.settings import JobRecord
from sadari.values import ImageSet, Predictions, Split, Verdict

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("model", "accuracy", "95 % interval", "gap", "params", "seconds", "seeds")  # in a notebook


@dataclass(frozen=True, eq=False)
class ComparisonResult:
    """The result of a comparison: `arms` from the best accuracy down, failed ones last; `verdicts` over all pairs.

    records: the finished runs of each arm, in the order of its seeds. arms_asked: the arms of the request. images,
    split: those of the first arm; images is None where a comparison is read back and its data is missing or has
    changed since. notes: what the reader of the result should know. command: makes the same comparison again.
    margin: within which arms may be found equal, None where none was given. overstated: by how much the highest
    accuracy may flatter because it is the highest of several that are not shown apart; 0 where it stands alone.
    differences: of the pairs, in the figures other than accuracy. redraw: how the parts were drawn anew; None where all
    runs have one split. `split` is the first one. looked: when it was judged while seeds were added. winner,
    borrowing: what the arms show together, by `evaluation.arms`; None where parts were drawn anew.
    """

    out: Path
    title: str
    data: DataFacts
    arms: tuple[ArmResult, ...]
    verdicts: tuple[Verdict, ...]
    records: Mapping[str, tuple[RunRecord, ...]]
    arms_asked: tuple[Arm, ...]
    images: ImageSet | None
    split: Split
    notes: tuple[str, ...] = ()
    command: str = ""
    claims: tuple[ClaimVerdict, ...] = ()
    robustness: Robustness | None = None
    margin: float | None = None
    overstated: float = 0.0
    differences: tuple[FigureDifference, ...] = ()
    winner: Winner | None = None
    borrowing: Borrowing | None = None
    looked: Looked = field(default_factory=Looked)
    redraw: Redraw | None = None

    def judged(self, arm: str) -> list[Predictions]:
        """Return what the runs of `arm` predict, each of the same images in the same order; read from their folders.

        One for each seed; of folds, one of all images for each repeat and seed; of splits, those of one split.
        """
        records = self.records[arm]
        return whole_predictions(self.redraw, records) if self.redraw else [each.predictions for each in records]

    @property
    def estimand(self) -> str:
        """What the accuracies and verdicts speak of, in one clause."""
        if self.redraw:
            return SUCH_SETS
        single = all(len(arm.seeds) == 1 and not arm.alike for arm in self.arms if arm.seeds)
        return THESE_NETWORKS if single else THIS_SET

    @property
    def best(self) -> ArmResult | None:
        """The arm with the highest accuracy among those that are done."""
        return next((arm for arm in self.arms if arm.status == DONE), None)

    @property
    def chosen(self) -> ArmResult | None:
        """The arm to go on with: that with the highest validation accuracy; `best` where nothing was validated.

        Test images judge the arms. Choosing by them too would make the figure of the chosen one flatter. Of equal arms,
        the first one of the request.
        """
        found = {arm.name: arm for arm in self.arms if arm.status == DONE}
        done = [found[arm.name] for arm in self.arms_asked if arm.name in found]
        validated = [arm for arm in done if arm.val_accuracy is not None]
        if len(validated) < len(done):  # an arm without validation images cannot be compared by them
            return self.best
        return max(validated, key=lambda arm: arm.val_accuracy or 0.0, default=None)

    @property
    def chosen_by(self) -> str:
        """The split that chooses: val, or the one that judges where an arm has no validation images."""
        done = [arm for arm in self.arms if arm.status == DONE]
        return "val" if all(arm.val_accuracy is not None for arm in done) else self.data.judged_on

    @property
    def choice(self) -> str:
        """A sentence on the arm to go on with and on the images that chose it; "" where no arm is done."""
        chosen, best = self.chosen, self.best
        if chosen is None or best is None:
            return ""
        if self.chosen_by != "val":
            some = "not every model has" if any(arm.val_accuracy is not None for arm in self.arms) else "there are no"
            return f"Chosen: {chosen.name}, by the images that judge, since {some} validation images; that flatters."
        also = "" if chosen.name == best.name else f"; {best.name} has the highest accuracy on {self.data.judged_on}"
        return f"Chosen by validation accuracy ({chosen.val_accuracy:.4f}): {chosen.name}{also}."

    @property
    def flattery(self) -> str:
        """A sentence on how much the highest accuracy may flatter; "" where that is less than a tenth of a point."""
        points = f"{100 * self.overstated:.1f}"
        if self.best is None or points == "0.0":
            return ""
        said = f"The accuracy of {self.best.name} flatters, as the highest of several that are not shown apart"
        other = self.data.judged_on == "test" and self.chosen_by == "val"
        tail = "; choosing by validation images gains nothing of that" if other else ""
        counted = self.winner.counted(self.best.name) if self.winner else ""
        return f"{said}: by {points} points if these are equally good{counted}{tail}."

    @property
    def contest(self) -> str:
        """A sentence on which arms may be the best; "" for fewer than three, and where the verdicts say it already."""
        done = tuple(arm.name for arm in self.arms if arm.status == DONE)
        return self.winner.contest(self.verdicts) if self.winner and self.winner.arms == done else ""

    @property
    def borrowed(self) -> str:
        """The line that borrows, on the best arm; "" where nothing is borrowed, or where it changes nothing."""
        return self.borrowing.about(self.best.name, self.verdicts) if self.borrowing and self.best else ""

    @property
    def about_seeds(self) -> tuple[str, ...]:
        """Sentences on the looks that there were and on arms of which seeds collapsed; mostly none."""
        lost = (f"{arm.name}: {arm.collapsed.sentence}." for arm in self.arms if arm.collapsed and arm.collapsed.seeds)
        return (*filter(None, [self.looked.capitalised]), *lost)

    def document(self, report: Path | None = None) -> dict[str, Any]:
        """Return the document of `compare --json`; report: the path of the page about it, where one was written."""
        return {
            "out": str(self.out),
            "report": str(report) if report is not None else None,
            "title": self.title,
            "data": self.data.name,
            "images": {
                **self.data.counts,
                "shape": list(self.data.shape),
                "sizes": [list(each) for each in self.data.sizes],
                "classes": list(self.data.classes),
            },
            "split": self.data.origin,
            "judged_on": self.data.judged_on,
            "redraw": self.redraw.document() if self.redraw else None,
            "estimand": self.estimand,
            "leaks": self.data.leaks,
            "copied": list(self.data.copied),
            "arms": [arm.document() for arm in self.arms],
            "chosen": {"arm": self.chosen.name, "by": self.chosen_by} if self.chosen else None,
            "margin": self.margin,
            "best_overstated": self.overstated,
            "best": asdict(self.winner) if self.winner else None,
            "borrowing": self.borrowing.document() if self.borrowing else None,
            "verdicts": [asdict(each) for each in self.verdicts],
            "differences": [asdict(each) for each in self.differences],
            "looks": self.looked.document(),
            "claims": [asdict(each) for each in self.claims],
            "learning_curves": [each.document() for each in learning_curves(self)],
            "robustness": self.robustness.document() if self.robustness else None,
        }

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per arm, best first; accuracy in columns accuracy, sd, low and high, each score in its own.

        The interval of a figure other than accuracy is in the columns FIGURE_low and FIGURE_high.
        """
        import pandas as pd

        rows = []
        for arm in self.arms:
            row = arm.document()
            nested = row.pop("accuracy") or dict.fromkeys(("mean", "sd", "low", "high"))
            row["accuracy"] = nested.pop("mean")
            apart = row.pop("without_copies") or {}
            nested |= {
                f"without_copies{end}": apart.get(of) for end, of in (("", "mean"), ("_low", "low"), ("_high", "high"))
            }
            row["diagnosis"] = " ".join(arm.diagnosis.sentences) if arm.diagnosis else ""
            row["collapsed"] = len(arm.collapsed.seeds) if arm.collapsed else None
            ends = {f"{name}_{end}": of[end] for name, of in row.pop("intervals").items() for end in ("low", "high")}
            rows.append({**row.pop("scores"), **row, **nested, **ends})
        first = ["name", "model", "status", "accuracy", "low", "high", "sd"]
        frame = pd.DataFrame(rows)
        return frame[[*first, *(name for name in frame.columns if name not in first)]]

    def histories(self) -> "pd.DataFrame":
        """Return one row per arm, seed and epoch, with the columns of `history.csv`."""
        import pandas as pd

        rows = [
            {"arm": arm, "seed": record.job.seed, **row}
            for arm, records in self.records.items()
            for record in records
            for row in record.history
        ]
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        arms = (f"{arm.name} {arm.accuracy.mean:.3f}" if arm.accuracy else f"{arm.name} failed" for arm in self.arms)
        return f"<ComparisonResult {self.data.name}: {', '.join(arms)}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the images, a row per arm, best first, and the verdicts on the best one."""
        counts = " · ".join(f"{count:,} {split_name}" for split_name, count in self.data.counts.items() if count)
        best = self.best.name if self.best else ""
        return card(
            self.title or f"{self.data.name}: {len(self.arms)} models compared",
            (f"{self.data.name} · {counts} · {self.data.pixels} · judged on {self.data.judged_on}",),
            table(COLUMNS, [arm.cells() for arm in self.arms]),
            *(fact(arm.mixture) for arm in self.arms if arm.mixture),
            *(fact(f"{arm.name} failed: {arm.reason}") for arm in self.arms if arm.reason),
            *(fact(each.sentence) for each in self.verdicts if best in (each.a, each.b)),
            *(fact(each) for each in self.about_seeds),
        )


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
    correct, figures = measured(request.redraw, records)
    alike = frozenset(name for name in correct if not request.redraw and are_one_network(records[name]))
    done = [arm.name for arm in request.judged_arms if arm.name in figures and not reasons[arm.name]]
    done = done if data.judged_on != "train" else []  # these judge no arm
    done.sort(key=lambda name: -(figures[name]["accuracy"].mean if request.redraw else float(correct[name].mean())))
    looked = looked_at(request, {name: correct[name] for name in done if name in correct}, alike, margin)
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
            )
            for arm in request.judged_arms
        ]
    )
    if request.redraw:
        accuracies = [(name, figures[name]["accuracy"]) for name in done]
        judged = redrawn_verdicts(request.redraw, accuracies, data.counts[data.judged_on], margin)
    else:
        judged = looked.last.verdicts or tuple(verdicts([(name, correct[name]) for name in done], margin, looked.alike))
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
        robustness=read_robustness({arm.name: records[arm.name] for arm in request.judged_arms}),
        margin=margin,
        overstated=overstated({name: correct[name] for name in done if name in correct}, judged),
        differences=differences([(name, figures[name]) for name in done], at_look(looked, records, figures)),
        looked=looked,
        redraw=request.redraw,
        winner=find_winner(compared, judged, min(map(looked.level_of, compared), default=LEVEL)),
        borrowing=borrow(list(compared.items()), margin) if len(looked.judged) < 2 else None,
    )


def _with_choice(request: Comparison, data: DataFacts) -> DataFacts:
    """Add that the judging images chose the ensemble too, where no test images judge."""
    if not request.ensemble or data.judged_on == "test":
        return data
    return replace(data, sentences=(*data.sentences, "they chose the ensemble too, which flatters it more"))
