"""A worker of a search: a process that claims trials of a journal and trains them until there are none.

    python -m sadari.tuning.worker_main

The first line of its standard input says in which folder, when to stop and with how many threads, as JSON (`crew.py`).
The lines of its standard output report its progress, as those of a worker of a comparison do. The end of the input
means: stop now and store the state, as Ctrl-C does. So a worker never outlives its search.
"""

import _thread
import json
import signal
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

from sadari.comparison.workers.worker_main import Channel
from sadari.errors import SadariError
from sadari.processes import own_output


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background inherits that it is ignored
    channel = Channel(own_output())
    orders = json.loads(sys.stdin.readline() or "null")
    if orders is None:
        return
    Thread(target=_listen, daemon=True).start()
    with suppress(KeyboardInterrupt):
        try:
            _work(orders, channel)
        except SadariError as error:
            channel.say(str(error))
            sys.exit(1)


def _work(orders: dict[str, Any], channel: Channel) -> None:
    # Loads everything that computes.
    from sadari.models.own.model import let_worker_run
    from sadari.tuning.journal import Journal
    from sadari.tuning.request import Tuning
    from sadari.tuning.search import Limit, Searcher, TrialData

    let_worker_run(orders)
    folder = Path(orders["folder"])
    request = Tuning.read(folder)
    journal = Journal(folder, request, orders["images"], orders["epochs"])
    limit = Limit(orders["trials"], orders["seconds"])
    Searcher(journal, TrialData(request, channel), limit, channel, orders["threads"]).work()


def _listen() -> None:
    """Interrupt the work at the end of the input."""
    for _ in sys.stdin:
        pass
    _thread.interrupt_main()


if __name__ == "__main__":
    main()
