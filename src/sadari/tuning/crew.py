"""How do several trials train at once? This process and its workers claim trials of one journal, each for itself.

A worker is told the folder and when to stop; everything else is in the folder. The same command in another terminal
works on the same trials, too.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from threading import Thread

from sadari.comparison.executor import WAIT_SECONDS, Task
from sadari.comparison.workers.gpus import sees_only, takes_any_gpu, visible_gpus
from sadari.comparison.workers.sharing import fit_at_once, goes_beside
from sadari.comparison.workers.side_by_side import OneAtATime
from sadari.comparison.workers.worker import Bars
from sadari.errors import SadariError
from sadari.inference.device import cores, resolve_machine
from sadari.models.own.model import code_for_worker, only_here
from sadari.plugins.offers import for_workers
from sadari.processes import pipes, start_process
from sadari.progress import Progress
from sadari.tuning.journal import Journal
from sadari.tuning.request import Tuning
from sadari.tuning.search import Limit, Searcher, TrialData
from sadari.tuning.trials import Trial, trial_folder


def work_together(journal: Journal, data: TrialData, limit: Limit, workers: int | None, progress: Progress) -> None:
    """Make the trials of `journal` until the `limit`, `workers` at once, and wait for those of other processes.

    Raises KeyboardInterrupt after Ctrl-C and SadariError where a worker ended before its trial did; the states of all
    trials under way are stored.
    """
    at_once = workers if workers is not None else _at_once(journal, data, limit)
    if at_once > 1 and (why := only_here(journal.request.model)):
        progress.say(f"{why}; one trial is made at a time")
        at_once = 1
    devices = most_devices(journal.request)
    if at_once > (room := _room(journal.request, devices)):
        some = "one is made" if room == 1 else f"{room} are made"
        progress.say(f"a trial takes devices={devices}, which are processes of their own; {some} at a time")
        at_once = room
    limit = limit_of_each(limit, journal.trials(), at_once)
    threads = max(1, cores() // (at_once * devices)) if at_once > 1 else 0
    crew = _Crew(journal, limit, threads, OneAtATime(progress))
    if at_once > 1 and limit.allows(journal.trials(), 0.0):
        progress.say(
            f"{at_once} trials train at once, with {threads} thread{'s' if threads > 1 else ''} each; which trial sees "
            "which others depends on when they end"
        )
        crew.start(at_once - 1)
    try:
        Searcher(journal, data, limit, crew.progress, threads).work()
        crew.wait()
        while journal.under_way():  # by the same command in another terminal
            time.sleep(WAIT_SECONDS)
            Searcher(journal, data, Limit(trials=0), crew.progress, threads).work()  # what others left behind
    finally:
        crew.stop()


def _at_once(journal: Journal, data: TrialData, limit: Limit) -> int:
    """Return how many trials train at once where the user leaves that open: several where that is done sooner."""
    job = journal.request.job({})
    if takes_any_gpu(job) and (gpus := len(visible_gpus())):
        return min(gpus, limit.trials or gpus)
    images, split = data.of(job)
    if not goes_beside(job, images):
        return 1
    task = Task(job, trial_folder(journal.folder, 0), images, split, "", 1)
    return fit_at_once([task] * (limit.trials or cores()), cores())


def most_devices(request: Tuning) -> int:
    """Return how many devices a trial takes at most: as it is set, or the largest that is searched."""
    searched = request.space.get("devices")
    each = [request.job({"devices": end}) for end in searched.ends] if searched else [request.job({})]
    return max(job.devices for job in each)


def _room(request: Tuning, devices: int) -> int:
    """Return how many trials of several devices have room beside each other: as many as there are cores for.

    On graphics processors one, since each trial takes the first of them.
    """
    if devices == 1:
        return sys.maxsize
    on_cores = resolve_machine(request.job({}).settings).device == "cpu"
    return max(1, cores() // devices) if on_cores else 1


def limit_of_each(limit: Limit, trials: Sequence[Trial], workers: int) -> Limit:
    """Return the limit with the seconds that are left for each worker, after what earlier processes spent."""
    if limit.seconds is None:
        return limit
    return Limit(seconds=max(limit.seconds - sum(trial.seconds for trial in trials) / workers, 0.0))


class _Crew:
    """The workers beside this process, each a process of its own, served by a thread here."""

    def __init__(self, journal: Journal, limit: Limit, threads: int, progress: Progress) -> None:
        self._journal, self._limit, self._threads = journal, limit, threads
        self.progress = progress
        self._processes: list[subprocess.Popen[str]] = []
        self._readers: list[Thread] = []
        self._stopping = False

    def start(self, workers: int) -> None:
        """Start so many workers; each begins with its first trial as soon as it can."""
        orders = {"folder": str(self._journal.folder), "threads": self._threads}
        orders |= {"trials": self._limit.trials, "seconds": self._limit.seconds}
        orders |= {"images": self._journal.images, "epochs": self._journal.epochs}
        orders |= code_for_worker(self._journal.request.model)
        gpus = visible_gpus() if takes_any_gpu(self._journal.request.job({})) else ()
        for number in range(1, workers + 1):
            gpu = gpus[number % len(gpus)] if gpus else ""  # this process has the first one
            process = start_process("sadari.tuning.worker_main", {**sees_only(gpu), **for_workers()})
            told, _ = pipes(process)
            told.write(json.dumps(orders) + "\n")
            told.flush()
            self._processes.append(process)
            self._readers.append(Thread(target=self._show, args=(process,)))
            self._readers[-1].start()

    def wait(self) -> None:
        """Wait until all workers have nothing to do any more; raise SadariError where one failed."""
        for reader in self._readers:
            reader.join()
        for process in self._processes:
            if status := process.wait():
                raise SadariError(
                    f"a process that trained trials ended with status {status}; the same command goes on where it "
                    "stopped, with --workers 1 where memory is too short for several"
                )

    def stop(self) -> None:
        """End the workers, their states stored; a second Ctrl-C does not wait."""
        self._stopping = True
        try:
            for process in self._processes:
                with suppress(OSError):
                    pipes(process)[0].close()
            for reader in self._readers:
                reader.join()
            for process in self._processes:
                process.wait()
        except KeyboardInterrupt:
            for process in self._processes:
                process.kill()
            raise

    def _show(self, process: "subprocess.Popen[str]") -> None:
        """Show the progress of a worker until it ends."""
        with ExitStack() as bars, pipes(process)[1] as answers:
            shown = Bars(self.progress, bars)
            for line in answers:
                try:
                    shown.show(json.loads(line))
                except ValueError:  # part of a line, as it was ended meanwhile
                    return
