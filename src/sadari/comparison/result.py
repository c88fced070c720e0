"""What is the result of a comparison? Arms, verdicts and histories, read from the run folders; as JSON and frames."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sadari.comparison.analysis.data_facts import DataFacts
from sadari.comparison.analysis.learning_curve import learning_curves
from sadari.comparison.analysis.measuring import FigureDifference
from sadari.comparison.analysis.robustness import Robustness
from sadari.comparison.arm_result import DONE, ArmResult
from sadari.comparison.claims.verdict import ClaimVerdict
from sadari.comparison.latex.arms import Protocol, arms_table
from sadari.comparison.seeds.looked import Looked
from sadari.comparison.splits.judged import Read, read_predictions, whole_predictions
from sadari.comparison.splits.redraw import Redraw
from sadari.comparison.variants import Arm
from sadari.evaluation.arms.best import Winner
from sadari.evaluation.arms.borrowing import Borrowing
from sadari.evaluation.sentences import SUCH_SETS, THESE_NETWORKS, THIS_SET
from sadari.notebook import card, fact, table
from sadari.run import RunRecord
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

    def judged(self, arm: str, read: Read = read_predictions) -> list[Predictions]:
        """Return what the runs of `arm` predict, each of the same images in the same order; read from their folders.

        One for each seed; of folds, one of all images for each repeat and seed; of splits, those of one split. read:
        what reads those of a run.
        """
        records = self.records[arm]
        return whole_predictions(self.redraw, records, read) if self.redraw else [read(each) for each in records]

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
            "judged_by_groups": self.data.groups or None,
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

    def to_latex(
        self, *, figures: Sequence[str] = (), caption: str = "", label: str = "", siunitx: bool = False
    ) -> str:
        """Return the table of the arms as LaTeX for booktabs, its caption with the protocol, and one of the claims.

        figures: metrics that have a column too, such as ("macro_f1",). caption: LaTeX, in place of the first sentence.
        label: for \\ref. siunitx: align numbers by it. Raises UsageError for an unknown metric.
        """
        about = Protocol(self.data, self.title, self.estimand, self.redraw, self.about_seeds, self.command)
        return arms_table(
            about,
            self.arms,
            self.verdicts,
            self.claims,
            figures=figures,
            caption=caption,
            label=label,
            siunitx=siunitx,
        )

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
