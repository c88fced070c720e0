"""What does a tracker get of a run, or of a comparison? Plain values, the same for every tool.

Finished runs only, read from their folders: training waits for no server, and a run that is killed and resumed, or
logged twice, is still logged once.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sadari.comparison.request import data_name
from sadari.comparison.stored import RESULT, read_comparison
from sadari.errors import SadariError
from sadari.files import read_json
from sadari.loggers.of_run import digest_of, final_figures, params_of, tags_of
from sadari.run import SCORES, RunRecord
from sadari.run_lookup import COMPARISON, is_comparison

RUN_FILES = (
    "settings.toml", "environment.json", "preprocess.json", "history.csv", "scores.json", "ensemble.json",
    "soup.json", "log.txt",
)  # fmt: skip
COMPARISON_FILES = (COMPARISON, RESULT, "report.html", "plots/*.png")
UNFIT = re.compile(r"[^\w./: -]")  # not allowed in the name of a metric (MLflow's rule, the strictest known)


@dataclass(frozen=True)
class Metric:
    """One figure. step: the epoch it was measured after, 0 where it belongs to no epoch. time: seconds since 1970."""

    name: str
    value: float
    step: int
    time: float


@dataclass(frozen=True, eq=False)
class Entry:
    """What is logged of one run, or of one comparison with its runs as `children`.

    digest: the same for the same run in the same comparison, and for no other one. group: the data's name, under which
    entries are stored together. began, ended: seconds since 1970. files: its files, by their paths in the entry.
    """

    name: str
    digest: str
    group: str
    began: float
    ended: float
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Sequence[Metric]
    files: Mapping[str, Path]
    description: str = ""
    children: "Sequence[Entry]" = ()


def entry_of(path: Path) -> Entry:
    """Return what is logged of the run or the comparison in the folder `path`.

    Raises UsageError where there is neither, SadariError where it is not finished, or damaged.
    """
    return _of_comparison(path) if is_comparison(path) else _of_run(RunRecord.open(path))


def _of_run(run: RunRecord, arm: str = "", inside: str = "") -> Entry:
    """Return the entry of one run. arm: its name in the comparison whose digest is `inside`."""
    if not run.finished:
        raise SadariError(f"the run {run.path} is not finished; finish it with: sadari resume {run.path}")
    job, summary = run.job, run.summary
    ended = (run.path / SCORES).stat().st_mtime
    began = ended - summary["seconds"]["total"]
    tags = {**tags_of(run), "judged_on": summary["judged_on"]}
    return Entry(
        name=run.path.name,
        digest=digest_of(run.path / SCORES, inside),
        group=data_name(job.data),
        began=began,
        ended=ended,
        tags={**tags, "arm": arm} if arm else tags,
        params=params_of(run),
        metrics=(*_history(run.history, began, ended), *_scores(summary, ended)),
        files=_files(run.path, RUN_FILES),
    )


def _history(rows: Sequence[Mapping[str, float]], began: float, ended: float) -> list[Metric]:
    """Return every column of history.csv under its name; an epoch's time is its end, from the seconds of the epochs."""
    metrics, now = [], began
    for row in rows:
        now = min(now + row.get("seconds", 0.0), ended)
        metrics += [Metric(name, value, int(row["epoch"]), now) for name, value in row.items() if name != "epoch"]
    return metrics


def _scores(summary: Mapping[str, Any], ended: float) -> list[Metric]:
    """Return the final figures, named by their place in scores.json, such as scores/test/accuracy."""
    return [Metric(name, value, summary["epochs"], ended) for name, value in final_figures(summary).items()]


def _of_comparison(path: Path) -> Entry:
    stored = read_comparison(path)
    if not (stored.folder / RESULT).is_file():
        raise SadariError(f"the comparison {stored.folder} is not finished: it has no {RESULT}; run it again")
    document = read_json(stored.folder / RESULT)
    digest = digest_of(stored.folder / RESULT)
    runs = [_of_run(run, arm.arm.name, digest) for arm in stored.arms for run in arm.records]
    ended = (stored.folder / RESULT).stat().st_mtime
    return Entry(
        name=stored.request.title or stored.folder.name,
        digest=digest,
        group=data_name(stored.request.data),
        began=min((run.began for run in runs), default=ended),
        ended=ended,
        tags={
            "data": stored.request.data,
            "data_fingerprint": stored.request.fingerprint,
            "judged_on": document["judged_on"],
            "split": document["split"],
            "folder": str(stored.folder),
        },
        params={
            "data": stored.request.data,
            "models": ",".join(arm.arm.name for arm in stored.arms),
            "seeds": ",".join(map(str, stored.request.seeds)),
        },
        metrics=_accuracies(document, ended),
        files=_files(stored.folder, COMPARISON_FILES),
        description="\n".join(f"- {sentence}" for sentence in _conclusions(document)),
        children=runs,
    )


def _accuracies(document: Mapping[str, Any], ended: float) -> list[Metric]:
    """Return accuracy/ARM, low/ARM and high/ARM (the 95 % interval) of every arm that has a figure."""
    return [
        Metric(UNFIT.sub("_", f"{name}/{arm['name']}"), arm["accuracy"][key], 0, ended)
        for arm in document["arms"]
        if arm["accuracy"]
        for name, key in (("accuracy", "mean"), ("low", "low"), ("high", "high"))
    ]


def _conclusions(document: Mapping[str, Any]) -> list[str]:
    """Return the sentences of the verdicts, and why arms failed."""
    failed = [f"{arm['name']} failed: {arm['reason']}" for arm in document["arms"] if arm["reason"]]
    return [*(each["sentence"] for each in document["verdicts"]), *failed]


def _files(folder: Path, patterns: Sequence[str]) -> dict[str, Path]:
    found = (path for pattern in patterns for path in sorted(folder.glob(pattern)))
    return {path.relative_to(folder).as_posix(): path for path in found}
