"""How are the trials made? One after the other in this process, on images that no trial is trained with.

claim a trial -> its job -> train, seen by the pruner -> its figures on validation images -> tell the journal
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from sadari.comparison.executor import WAIT_SECONDS, Labelled, reason_of
from sadari.comparison.inputs import Key, images_key
from sadari.data.load import load
from sadari.data.split import draw_split
from sadari.errors import SadariError, UsageError
from sadari.job import Job
from sadari.locks.claim import FolderLostError, require_held
from sadari.progress import Progress, Silent
from sadari.run import RunRecord
from sadari.training.engine import DivergedError
from sadari.training.run_folder import RunBusyError
from sadari.training.train import train
from sadari.tuning.journal import Claim, Journal
from sadari.tuning.request import SPEED, Tuning
from sadari.tuning.trials import (
    DONE,
    FAILED,
    STOPPED,
    Trial,
    objective_value,
    trial_folder,
    typical_seconds,
)
from sadari.values import ImageSet, Split

LEAST_FAILURES = 5  # trials that fail in a row before the search ends: others would fail too (assumed)


@dataclass(frozen=True)
class Limit:
    """When no more trials begin: at a number of `trials`, or after `seconds` of each worker; None for no such limit."""

    trials: int | None = None
    seconds: float | None = None

    def allows(self, trials: Sequence[Trial], spent: float) -> bool:
        """Return whether another trial may begin after `spent` seconds of this process.

        Of a time, the first trial begins in any case, and another one where as much is left as one takes that is not
        stopped early. Raises
        SadariError where the last trials all failed.
        """
        last = [trial for trial in trials if trial.state in (DONE, STOPPED, FAILED)][-LEAST_FAILURES:]
        if len(last) == LEAST_FAILURES and all(trial.state == FAILED for trial in last):
            raise SadariError(f"the last {LEAST_FAILURES} trials failed; the last one: {last[-1].reason}")
        if self.trials is not None:
            return len(trials) < self.trials
        return self.seconds is None or not trials or spent + typical_seconds(trials) <= self.seconds


@dataclass(eq=False)
class TrialData:
    """The images of the trials and their split without test images; each set is loaded once. begun: already loaded."""

    request: Tuning
    progress: Progress
    loaded: dict[Key, tuple[ImageSet, Split]] = field(default_factory=dict)

    def of(self, job: Job) -> tuple[ImageSet, Split]:
        """Return the images of `job` and their split; raises SadariError where the images have changed since."""
        key = images_key(job.settings)
        if key not in self.loaded:
            images = load(job.data, job.settings, self.progress)
            if self.request.fingerprint not in ("", images.fingerprint):
                raise SadariError(f"the images of '{job.data}' have changed since the search began; start it again")
            split = draw_split(images, job.settings, Silent())
            if not len(split.val):
                raise UsageError("trials are judged on validation images, and there are none; set val_fraction above 0")
            nothing = np.empty(0, dtype=np.int64)
            self.loaded[key] = images, replace(split, test=nothing, origin=f"{split.origin}; test left closed")
        return self.loaded[key]


@dataclass(eq=False)
class Searcher:
    """Makes trials in this process. threads: of each run; 0 leaves that to training. clock: as time.perf_counter."""

    journal: Journal
    data: TrialData
    limit: Limit
    progress: Progress
    threads: int = 0
    clock: Callable[[], float] = perf_counter
    train: Callable[..., RunRecord] = train

    def work(self) -> None:
        """Make trials until the limit; raises KeyboardInterrupt after Ctrl-C, with the state of the run stored."""
        started = self.clock()
        while claim := self.journal.claim(lambda trials: self.limit.allows(trials, self.clock() - started)):
            try:
                trial = self._make(claim)
                self.progress.say(f"{trial.name}: {trial.sentence}")
            except (RunBusyError, FolderLostError) as error:
                self.progress.say(f"{claim.trial.name}: {error}")
                time.sleep(WAIT_SECONDS)
            finally:
                claim.release()

    def _make(self, claim: Claim) -> Trial:
        """Train the trial of `claim`, tell the journal what came out of it, and return it.

        Raises RunBusyError or FolderLostError where another process has it.
        """
        trial, started = claim.trial, self.clock()
        try:
            state, values, about = self._trained(trial)
            require_held(claim.folder)
        except KeyboardInterrupt:
            self.journal.spend(trial, self.clock() - started)
            raise
        about["seconds"] = trial.seconds + self.clock() - started
        return self.journal.tell(trial, state, values, **about)

    def _trained(self, trial: Trial) -> tuple[str, Sequence[float], dict[str, Any]]:
        """Return the state of the trial, the values that rank it, and its figures."""
        progress = Labelled(self.progress, trial.name)
        try:
            job = self.journal.request.job(trial.params, tensorboard="off")
            images, split = self.data.of(job)
            run = partial(self.train, job, trial_folder(self.journal.folder, trial.number), images=images, split=split)
            record = run(progress=progress, threads=self.threads, watch=self.journal.watch(trial.number))
        except DivergedError as error:
            return STOPPED, (), {"reason": str(error)}
        except RunBusyError:
            raise
        except Exception as error:  # other settings may do
            return FAILED, (), {"reason": reason_of(error)}
        return _judged(record, self.journal)


def _judged(record: RunRecord, journal: Journal) -> tuple[str, Sequence[float], dict[str, Any]]:
    summary, accuracy = record.summary, record.scores("val")["accuracy"]
    loss = record.val_loss_of_logits  # as the epochs have it: a temperature of each trial's own would hide it
    about: dict[str, Any] = {
        "accuracy": accuracy,
        "loss": loss,
        "epochs": summary["epochs"],
        SPEED: summary["images_per_second"],
    }
    if stopped := summary.get("stopped", ""):
        return STOPPED, (), {**about, "reason": stopped}
    value = objective_value(accuracy, loss, journal.images)
    values = [value, summary["images_per_second"]][: len(journal.request.objectives)]
    if not all(map(math.isfinite, values)):
        return FAILED, (), {**about, "reason": "its figures are no numbers"}
    return DONE, values, about
