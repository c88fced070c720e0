"""A further process of a training on several devices: it computes its share of every batch, and writes nothing.

    python -m sadari.training.devices.member_main

`crew.py` says what it reads and answers.
"""

import json
import os
import signal
import sys
from threading import Thread
from typing import Any

from sadari.processes import own_output


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process stops, and ends this one
    answers = own_output()

    def answer(**document: Any) -> None:
        try:
            answers.write(json.dumps(document) + "\n")
            answers.flush()
        except OSError:  # the first process has ended
            os._exit(1)

    order = sys.stdin.readline()
    Thread(target=_end_with_input, daemon=True).start()
    from sadari.errors import SadariError
    from sadari.training.devices.member_task import take_part

    try:
        take_part(json.loads(order), lambda: answer(ready=True))
    except Exception as error:
        ours = isinstance(error, SadariError)
        answer(reason=str(error) if ours else f"{type(error).__name__}: {error or 'no reason given'}", ours=ours)
        os._exit(1)  # connections to the others close, so that they end as well


def _end_with_input() -> None:
    """End this process with the first one, whatever it is doing."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
