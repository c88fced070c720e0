"""What has the search done so far? Optuna's journal in its folder: trials are asked for, seen and told here.

The journal is Optuna's own `JournalStorage`, so that its dashboard and its API read it. Several processes may work on
one journal. What trial number k tries depends on the seed, on k and on the trials that were done when it began, never
on what this process did before: so a search that was killed goes on with the trial that would have come.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any

from sadari.errors import SadariError, missing_package
from sadari.locks.claim import Busy
from sadari.locks.folder import Held, take_folder, take_in_turn
from sadari.settings import Value
from sadari.training.fit_loop import Watch
from sadari.training.randomness import seed_for
from sadari.tuning.request import HYPERBAND, SPEED, Tuning
from sadari.tuning.space import Range
from sadari.tuning.trials import DONE, FAILED, STOPPED, UNDER_WAY, Trial, objective_value

try:
    import optuna
    from optuna.distributions import (
        BaseDistribution,
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )
    from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
    from optuna.samplers import TPESampler
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import FrozenTrial, TrialState
except ModuleNotFoundError as error:
    raise missing_package("searching for settings", error.name, "tune") from None

JOURNAL = "journal.log"
LOCK = ".journal"  # how the names of the files of its lock begin
CLAIMS = "claims"  # a folder for each trial under way, held by the process that trains it
STUDY = "sadari"
# Trials that are never stopped early, and the share of the epochs in which none is. Assumed: fewer say little about the
# median, and a rate that warms up or falls decides late.
NEVER_STOPPED, SPARED = 5, 0.25
STATES = {TrialState.COMPLETE: DONE, TrialState.PRUNED: STOPPED, TrialState.FAIL: FAILED}
SEEDS = 2**32  # of Optuna's samplers


class _Lock:
    """The lock of the journal in `folder`, also against other machines; the thread that has it may take it again."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._threads, self._taken = folder, RLock(), 0
        self._held: Held | None = None

    def acquire(self) -> bool:
        self._threads.acquire()
        try:
            if not self._taken:
                self._held = take_in_turn(self._folder, LOCK)
        except BaseException:
            self._threads.release()
            raise
        self._taken += 1
        return True

    def release(self) -> None:
        self._taken -= 1
        if not self._taken and self._held:
            self._held.release()
        self._threads.release()


@dataclass(frozen=True, eq=False)
class Claim:
    """A trial that this process is to train; nobody else does while it is held."""

    trial: Trial
    folder: Path
    held: Held

    def release(self) -> None:
        """Give the trial free: it is told, or another process goes on with it."""
        self.held.release()
        with suppress(OSError):
            self.folder.rmdir()


@dataclass(eq=False)
class Journal:
    """The trials of the search in `folder`. images: how many are validated."""

    folder: Path
    request: Tuning
    images: int
    epochs: int
    _lock: _Lock = field(init=False, repr=False)
    study: "optuna.Study" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._lock = _Lock(self.folder)
        path = self.folder / JOURNAL
        with _quiet(), self.alone(), _readable(path):
            _mend(path)
            storage = JournalStorage(JournalFileBackend(str(path), lock_obj=self._lock))  # type: ignore[arg-type]
            self.study = optuna.create_study(
                study_name=STUDY,
                storage=storage,
                directions=["maximize"] * len(self.request.objectives),
                pruner=_pruner(self.request, self.epochs),
                load_if_exists=True,
            )
            if not self.study.get_trials(deepcopy=False) and (params := own_params(self.request)):
                self.study.enqueue_trial(params, user_attrs={"default": True})

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the journal against every other process and thread inside.

        Whatever writes does so inside: Optuna takes a lock of its own before that of the file, and two threads that
        took them in different orders would wait for each other forever.
        """
        try:
            self._lock.acquire()
        except OSError as error:
            raise SadariError(f"cannot lock '{self.folder}': {error.strerror}; choose another --out") from None
        try:
            yield
        finally:
            self._lock.release()

    def trials(self) -> tuple[Trial, ...]:
        """Return every trial that has begun, in their order."""
        with _quiet():
            found = self.study.get_trials(deepcopy=False)
        return tuple(_plain(each) for each in found if each.state != TrialState.WAITING)

    def claim(self, another: Callable[[Sequence[Trial]], bool]) -> Claim | None:
        """Return the next trial to train: one that nobody holds any more, else a new one where `another` agrees.

        None where there is neither.
        """
        with _quiet(), self.alone():
            trials = self.trials()
            for trial in trials:
                if trial.state == UNDER_WAY and (claim := self._claimed(trial)):
                    return claim
            if not another(trials):
                return None
            self.study.sampler = TPESampler(seed=seed_for(self.request.seed, "trial", len(trials)) % SEEDS)
            asked = self.study.ask({key: _distribution(each) for key, each in self.request.space.items()})
            return self._claimed(_plain(self._frozen(asked.number)))

    def under_way(self) -> bool:
        """Return whether a trial is not told yet: another process trains it, or has left it behind."""
        return any(trial.state == UNDER_WAY for trial in self.trials())

    def watch(self, number: int) -> Watch | None:
        """Return what sees the epochs of a trial and ends it where it promises little; None where nothing does."""
        if not self.request.prunes:
            return None
        with _quiet(), self.alone():
            trial = optuna.Trial(self.study, self._frozen(number)._trial_id)

        def see(row: Mapping[str, float]) -> str:
            step, last = int(row["epoch"]), max(self._frozen(number).intermediate_values, default=0)
            if step < last:  # it was seen before the run was cut off, and went on
                return ""
            with _quiet(), self.alone():
                if step > last:
                    trial.report(objective_value(row["val_accuracy"], row["val_loss"], self.images), step)
                return f"after epoch {step} it promised little" if trial.should_prune() else ""

        return see

    def spend(self, trial: Trial, seconds: float) -> None:
        """Note the seconds that were spent on a trial which is not done."""
        self._note(trial, seconds=trial.seconds + seconds)

    def tell(self, trial: Trial, state: str, values: Sequence[float] = (), **about: Any) -> Trial:
        """Store what came out of a trial, and return it. values: what Optuna ranks it by, where it is done."""
        states = {name: number for number, name in STATES.items()}
        self._note(trial, **about)
        with _quiet(), self.alone():
            self.study.tell(trial.number, list(values) if state == DONE else None, state=states[state])
        return _plain(self._frozen(trial.number))

    def importances(self) -> dict[str, float]:
        """Return the share of each setting in how the accuracy of the trials varies, the largest first (fANOVA).

        Empty where too few trials are done, or all are equally good. Hutter, Hoos & Leyton-Brown (ICML 2014).
        """
        with _quiet():
            done = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            if len(done) < 2 or len({each.values[0] for each in done}) < 2:
                return {}
            found = optuna.importance.get_param_importances(
                self.study,
                evaluator=optuna.importance.FanovaImportanceEvaluator(seed=self.request.seed),
                target=lambda each: each.values[0],
            )
        return {key: float(share) for key, share in found.items()}

    def _frozen(self, number: int) -> FrozenTrial:
        return self.study.get_trials(deepcopy=False)[number]

    def _note(self, trial: Trial, **about: Any) -> None:
        trial_id = self._frozen(trial.number)._trial_id
        with self.alone():
            for name, value in about.items():
                self.study._storage.set_trial_user_attr(trial_id, name, value)

    def _claim_folder(self, trial: Trial) -> Path:
        return self.folder / CLAIMS / f"{trial.number:04d}"

    def _claimed(self, trial: Trial) -> Claim | None:
        folder = self._claim_folder(trial)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return Claim(trial, folder, take_folder(folder))
        except Busy:
            return None


def own_params(request: Tuning) -> dict[str, Value]:
    """Return what the model has by itself of what is searched; empty where that is outside of the ranges."""
    from sadari.training.optim.build import peak_learning_rate

    job = request.job({})
    own: dict[str, Value] = {}
    for key, searched in request.space.items():
        value = job.variables[key] if key in job.variables else getattr(job.settings, key)
        if key == "learning_rate":
            value = peak_learning_rate(job.settings)  # 0 stands for the optimiser's own
        if not searched.holds(value):
            return {}
        own[key] = value
    return own


def _distribution(searched: Any) -> BaseDistribution:
    """Return what is searched as Optuna has it."""
    if not isinstance(searched, Range):
        return CategoricalDistribution(searched.values)
    if searched.whole:
        return IntDistribution(int(searched.low), int(searched.high), log=searched.log, step=int(searched.step) or 1)
    return FloatDistribution(searched.low, searched.high, log=searched.log, step=searched.step or None)


def _pruner(request: Tuning, epochs: int) -> BasePruner:
    if not request.prunes:
        return NopPruner()
    if request.pruner == HYPERBAND:
        return HyperbandPruner(min_resource=1, max_resource=max(epochs, 1), reduction_factor=3)
    return MedianPruner(n_startup_trials=NEVER_STOPPED, n_warmup_steps=max(1, round(SPARED * epochs)))


def _plain(trial: FrozenTrial) -> Trial:
    about = trial.user_attrs
    return Trial(
        number=trial.number,
        params=dict(trial.params),
        state=STATES.get(trial.state, UNDER_WAY),
        accuracy=about.get("accuracy"),
        loss=about.get("loss"),
        value=trial.values[0] if trial.values else None,
        images_per_second=about.get(SPEED),
        seconds=about.get("seconds", 0.0),
        epochs=about.get("epochs", 0),
        reason=about.get("reason", ""),
        default=bool(about.get("default", False)),
        curve=dict(trial.intermediate_values),
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress Optuna's own log, which says what this program says in its own words."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raise SadariError for a journal that is damaged or cannot be written."""
    try:
        yield
    except OSError as error:
        raise SadariError(f"cannot write {path}: {error.strerror}; choose another --out") from None
    except (ValueError, KeyError, AssertionError) as error:
        raise SadariError(f"cannot read {path}: it is damaged ({error}); search again in another --out") from None


def _mend(path: Path) -> None:
    """Cut off the line that a killed process has begun: only whole lines count, and the next one would join it."""
    if not path.is_file():
        return
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        block = min(size, 1 << 20)  # no line is longer
        file.seek(size - block)
        tail = file.read(block)
        if tail and not tail.endswith(b"\n"):
            file.truncate(size - block + tail.rfind(b"\n") + 1)
