"""Training that is killed at random moments, again and again; run as a program by test_resume.py.

    python killing.py FOLDER KILLS SEED MODEL KEY=VALUE...

A parent that has everything imported forks one child after the other: the child trains (or goes on) in a run folder,
the parent kills it after a random time. A finished run makes room for the next one. It prints one JSON document:
{"kills": how many, "runs": [folders], "uninterrupted": folder}.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch

from sadari.job import Job
from sadari.settings import parse_overrides
from sadari.training.train import train
from support.jobs import job_for


def main() -> None:
    torch.set_num_threads(1)  # a child after fork has no other threads
    folder, kills, seed, model = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    job = _job(model, sys.argv[5:])
    chance = random.Random(seed)
    train(job, folder / "warm")  # imports everything and decodes the images once, for parent and children
    started = time.perf_counter()
    _wait(_start(job, folder / "uninterrupted"))
    whole = time.perf_counter() - started
    done, killed = [folder / "killed-0"], 0
    while killed < kills:
        if (done[-1] / "scores.json").exists():
            assert _wait(_start(job, done[-1])) == 0  # a kill behind scores.json leaves a checkpoint to remove
            done.append(folder / f"killed-{len(done)}")
        child = _start(job, done[-1])
        time.sleep(chance.uniform(0, whole))
        os.kill(child, signal.SIGKILL)
        killed += _wait(child) == -signal.SIGKILL
    assert _wait(_start(job, done[-1])) == 0
    runs = [str(each) for each in done]
    sys.stdout.write(json.dumps({"kills": killed, "runs": runs, "uninterrupted": str(folder / "uninterrupted")}))


def _job(model: str, pairs: list[str]) -> Job:
    overrides: dict[str, Any] = dict(parse_overrides(pairs))
    return job_for(model, data="digits", **overrides)


def _start(job: Job, out: Path) -> int:
    child = os.fork()
    if child == 0:
        try:
            train(job, out)
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    return child


def _wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    main()
