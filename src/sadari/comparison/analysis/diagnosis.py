"""What do the learning curves show: over- or under-fitting, and would more epochs or more data help?

Two questions. Of the mean validation loss over the seeds: has it turned, does it still fall, or has it levelled off? Of
the accuracies: does the model err on its own training images already (bias), or mostly on others (variance)? A larger
model or longer training lowers the first, more images or regularisation the second (Ng, Machine Learning Yearning,
2018, ch. 20-27). Both are guesses from curves; only a run with more epochs, or with more images, shows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sadari.comparison.analysis.curves import Course, Floats, History, part_above, shared_curves
from sadari.models.catalog import recorded_model
from sadari.models.spec import FittedBy
from sadari.run import RunRecord

LEAST_GAP = 0.01  # of accuracy; a smaller gap between training and validation is not worth closing (assumed)
LEAST_BIAS = 0.05  # a model that errs on fewer of its own training images does not under-fit (assumed)
OTHER_FEATURES = "the features of another backbone, or a backbone that is trained further"

OVER, UNDER, NEITHER, UNKNOWN = "over-fitting", "under-fitting", "neither", "unknown"


@dataclass(frozen=True)
class Diagnosis:
    """How an arm learnt, and what is worth trying: means over its seeds, on the epochs that all of them ran.

    by_gradient: False for a classical model, whose epochs are passes. augmented: training images were redrawn.
    on_features: it reads the features of a pre-trained backbone.
    turn: the epoch of the least validation loss, from 1. rise: validation loss at the end / least - 1; turned: it is
    more than noise. known: whether noise could be estimated. fall: the relative fall of the validation loss over the
    last quarter of the epochs; falling: it is more than noise. training_fell: the training loss is lower at the end
    than at the turn. gained: validation accuracy at the end minus at the turn; gain_shown: it is more than noise.
    train_accuracy, gap (training minus validation): of the stored weights, else of the last epoch. None or False where
    it is unknown.
    """

    name: str
    by_gradient: bool
    augmented: bool
    seeds: int
    epochs: int
    turn: int | None = None
    rise: float | None = None
    turned: bool = False
    known: bool = False
    fall: float | None = None
    falling: bool = False
    training_fell: bool = False
    gained: float | None = None
    gain_shown: bool = False
    train_accuracy: float | None = None
    gap: float | None = None
    on_features: bool = False

    @property
    def verdict(self) -> str:
        """OVER, UNDER, NEITHER; UNKNOWN without validation images."""
        if self.gap is None:
            return UNKNOWN
        if self.turned:
            return OVER if self.training_fell else NEITHER
        if self._only_votes:
            return NEITHER
        return UNDER if self.bias >= max(self.gap, LEAST_BIAS) else NEITHER

    @property
    def _only_votes(self) -> bool:
        """Whether nothing is fitted to the features, as in knn: what it errs on is the fault of the features."""
        return self.on_features and not self.by_gradient and self.turn is None

    @property
    def bias(self) -> float:
        """The share of its own training images that the model classifies wrongly; 0 where it is unknown."""
        return 0.0 if self.train_accuracy is None else 1.0 - self.train_accuracy

    @property
    def more_epochs(self) -> bool:
        """Whether more epochs are likely to help: where the validation loss still falls."""
        return self.falling

    @property
    def more_data(self) -> bool:
        """Whether more images, or regularisation, are likely to help: where it fits its own images, and not others."""
        if self.verdict == OVER or self.gap is None:
            return self.verdict == OVER
        return self.gap >= LEAST_GAP and self.bias < max(self.gap, LEAST_BIAS)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the curves did, then what is worth trying and why: one or two sentences; none without any run."""
        if self.verdict == UNKNOWN:
            said = f"{self.name} was trained without validation images, so its curves cannot show over-fitting."
            return (said,) if self.seeds else ()
        return tuple(filter(None, (self._course(), self._advice())))

    @property
    def _unit(self) -> str:
        return "epoch" if self.by_gradient else "pass"

    @property
    def _units(self) -> str:
        return "epochs" if self.by_gradient else "passes"

    def _course(self) -> str:
        """Describe the validation loss; "" where there is only one epoch."""
        if self.turn is None or self.rise is None or self.fall is None:
            return ""
        at, end = f"{self._unit} {self.turn} of {self.epochs}", _growth(self.rise)
        if self.turned and self.training_fell:
            sure, doubt = "over-fits", ""
            if self.seeds == 1 and self.by_gradient:
                sure, doubt = "seems to over-fit", "; of one seed, whose loss may also wander: more seeds would tell"
            return (
                f"{self.name} {sure}: its validation loss turned after {at} and ended {end}, while its training loss"
                f" fell on{self._gain()}{doubt}."
            )
        if self.turned:
            return (
                f"{self.name} grows worse on its own training images too: validation loss turned after {at} and ended"
                f" {end}{self._gain()}."
            )
        if self.falling:
            quarter = max(1, self.epochs // 4)
            span = f"last {quarter} {self._units}" if quarter > 1 else f"last {self._unit}"
            fall = f"its validation loss fell by {_percent(self.fall)} over the {span} of {self.epochs}"
            return f"{self.name} still gains: {fall}."
        if not self.known:
            return f"{self.name} was trained for too few {self._units} of one seed to tell its course from noise."
        if self.turn == self.epochs:
            return f"{self.name} has levelled off: its validation loss no longer falls by more than its noise ({at})."
        least = f"its validation loss was least after {at} and ended {end}"
        return f"{self.name} has levelled off: {least}, which is too little, or too noisy, to call it a turn."

    def _gain(self) -> str:
        """Describe the gain of accuracy after the turn, as a clause."""
        if self.gained is None:
            return ""
        if not self.gain_shown:
            return f"; no change of validation accuracy is shown since ({100 * self.gained:+z.1f} points)"
        word = "gained" if self.gained > 0 else "lost"
        return f"; validation accuracy {word} {100 * abs(self.gained):.1f} points after that"

    def _advice(self) -> str:
        """Say whether more epochs or more data would help, and why."""
        if self._only_votes:
            return f"{self.name}{self._errors().removeprefix('it')}; {OTHER_FEATURES}, might help."
        more = f"More {self._units}"
        if self.turned and not self.training_fell:
            return "That is unstable training; a lower learning_rate is worth trying." if self.by_gradient else ""
        if self.verdict == OVER:
            bought = self.gain_shown and (self.gained or 0.0) > 0
            price = "would buy accuracy with worse probabilities" if bought else "would not help"
            return f"{more} {price}; {self._regularise()} might help: {self._errors()}."
        if self.falling and self.more_data:
            return f"{more} are worth trying, and so are {self._regularise()}: {self._errors()}."
        if self.falling:
            fits = "it under-fits so far: " if self.verdict == UNDER else ""
            return f"{more} are worth trying; {fits}{self._errors()}."
        if not self.known and (self.by_gradient or self.turn):
            return f"So far {self._errors()}."
        if self.verdict == UNDER:
            larger = "a larger network" if self.by_gradient else "a model that reads more than a sum over pixels"
            larger = f"{OTHER_FEATURES}," if self.on_features and not self.by_gradient else larger
            who = "It" if self.turn else self.name
            return f"{who} under-fits: {self._errors()}, so {larger} would help more than {self._units} or images."
        if self.more_data:
            return f"{more} would not help; {self._regularise()} might help: {self._errors()}."
        return f"Neither more {self._units} nor more images promise much: {self._errors()}."

    def _regularise(self) -> str:
        if not self.by_gradient:
            return "more images or a stronger penalty"
        return f"more images, {'stronger ' if self.augmented else ''}augmentation or dropout"

    def _errors(self) -> str:
        """Say on how many of its own and of other images the model errs."""
        assert self.gap is not None  # UNKNOWN is answered before
        own, others = f"{100 * self.bias:.1f} %", f"{100 * (self.bias + self.gap):.1f} %"
        return f"it errs on {own} of its own training images and on {others} of the validation images"


def diagnose(
    name: str,
    histories: Sequence[History],
    *,
    by_gradient: bool = True,
    augmented: bool = False,
    on_features: bool = False,
    train_accuracy: float | None = None,
    val_accuracy: float | None = None,
) -> Diagnosis:
    """Diagnose the curves of the arm `name`.

    histories: one per seed, the rows of `history.csv`. train_accuracy, val_accuracy: means over the seeds of the
    stored weights; without them those of the last epoch, which training measured with dropout and augmentation.
    """
    loss, training = shared_curves(histories, "val_loss"), mean_curve(histories, "train_loss")
    epochs = max(loss.shape[1], len(training))
    about = Diagnosis(name, by_gradient, augmented, len(histories), epochs, on_features=on_features)
    if not loss.size:
        return about
    if train_accuracy is None or val_accuracy is None:
        train_accuracy, val_accuracy = (
            float(mean_curve(histories, f"{split_name}_accuracy")[-1]) for split_name in ("train", "val")
        )
    about = replace(about, train_accuracy=train_accuracy, gap=train_accuracy - val_accuracy)
    if loss.shape[1] < 2:
        return about
    course = Course(loss)
    gained, gain_shown = course.gain(shared_curves(histories, "val_accuracy"))
    return replace(
        about,
        turn=course.turn + 1,
        rise=course.rise,
        turned=course.turned,
        known=course.known,
        fall=course.fall,
        falling=course.falling,
        training_fell=bool(training[course.last] < training[course.turn]),
        gained=gained,
        gain_shown=gain_shown,
    )


def diagnose_runs(name: str, records: Sequence[RunRecord]) -> Diagnosis:
    """Diagnose the curves of the arm `name`. records: its finished runs, at least one."""
    job = records[0].job
    model = recorded_model(job.model, "")
    return diagnose(
        name,
        [record.history for record in records],
        by_gradient=model.fitted_by is FittedBy.GRADIENT,
        augmented=bool(job.settings.augment),
        on_features=model.begins_with_backbone(),
        train_accuracy=_mean_accuracy(records, "train"),
        val_accuracy=_mean_accuracy(records, "val"),
    )


def _mean_accuracy(records: Sequence[RunRecord], split_name: str) -> float | None:
    """Return the mean accuracy of the stored weights on a split; None where a run has no such images."""
    found = [record.scores(split_name).get("accuracy") for record in records]
    known = [each for each in found if each is not None]
    return float(np.mean(known)) if len(known) == len(found) else None


def turning_epoch(history: History) -> int | None:
    """Return the epoch of the least validation loss of one run, from 1; None without validation."""
    losses = shared_curves([history], "val_loss")[0]
    return int(np.argmin(losses)) + 1 if len(losses) else None


def rise_after_turn(history: History) -> float | None:
    """Return the last validation loss of one run / its least - 1; None without validation."""
    losses = shared_curves([history], "val_loss")[0]
    return part_above(losses[-1], losses.min()) if len(losses) else None


def mean_curve(histories: Sequence[History], column: str) -> Floats:
    """Return the mean of `column` over the seeds, float64 (epochs,), for the epochs that all of them have."""
    curves = shared_curves(histories, column)
    return np.asarray(curves.sum(axis=0) / max(len(curves), 1), dtype=np.float64)


def _percent(share: float) -> str:
    return f"{100 * share:.{0 if share >= 0.1 else 1}f} %"


def _growth(rise: float) -> str:
    return f"{_percent(rise)} higher" if rise < 1 else f"{1 + rise:.1f} times as high"
