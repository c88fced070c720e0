"""How do trials train on a Ray cluster? Threads of this process claim them, and each waits for its run on a node.

The journal stays with this process: nodes send the figures of each epoch, and hear whether the trial goes on.
"""

import time
from concurrent.futures import ThreadPoolExecutor

from sadari.comparison.cluster.cluster import runs_at_once
from sadari.comparison.cluster.executor import RayExecutor, finish
from sadari.comparison.executor import WAIT_SECONDS
from sadari.comparison.workers.side_by_side import OneAtATime
from sadari.progress import Progress
from sadari.tuning.crew import limit_of_each
from sadari.tuning.journal import Journal
from sadari.tuning.search import Limit, Searcher, TrialData
from sadari.tuning.trials import trial_folder


def work_on_ray(journal: Journal, data: TrialData, limit: Limit, executor: RayExecutor, progress: Progress) -> None:
    """Make the trials of `journal` until the `limit`, as many at once as `executor` says or the cluster has room for.

    Raises KeyboardInterrupt after Ctrl-C and SadariError where the cluster is lost; the states of all trials under way
    are stored.
    """
    cluster, shown = executor.cluster, OneAtATime(progress)
    room = _room(journal, data, executor)
    at_once = executor.workers or room
    limit = limit_of_each(limit, journal.trials(), at_once)
    if limit.allows(journal.trials(), 0.0):
        progress.say(f"trials train on Ray: {cluster.capacity.sentence}; {_order(at_once, room)}")

    def search(until: Limit) -> None:
        Searcher(journal, data, until, shown, train=cluster.train).work()

    with ThreadPoolExecutor(at_once) as pool:
        finish(cluster, [pool.submit(search, limit) for _ in range(at_once)])
        while journal.under_way():  # by the same command in another terminal
            time.sleep(WAIT_SECONDS)
            finish(cluster, [pool.submit(search, Limit(trials=0))])  # what others left behind


def _room(journal: Journal, data: TrialData, executor: RayExecutor) -> int:
    """Return how many trials the cluster trains at once."""
    job = journal.request.job({})
    images, _ = data.of(job)
    return runs_at_once(job, images, trial_folder(journal.folder, 0), executor.cluster.capacity)


def _order(at_once: int, room: int) -> str:
    """Return what the number of trials at once means for their order."""
    if at_once > 1:
        return f"{at_once} at once; which trial sees which others depends on when they end"
    more = f" (--workers auto: {room} at once)" if room > 1 else ""
    return f"one at a time, so that the search can be repeated{more}"
