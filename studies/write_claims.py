"""Which claims of the articles hold? Writes docs/claims.md from the studies of this folder and their stored results.

    uv run python studies/write_claims.py                   # the page anew, from results/
    uv run python studies/write_claims.py runs/a0-1 ...     # first store finished comparisons of these studies

A result is `comparison.json` without the paths of its machine, under the name of its study. A study without one is
"not run" on the page.
"""

import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sadari.comparison.study import Study, read_study
from sadari.errors import SadariError, UsageError
from sadari.files import read_json, write_json, write_text

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results"
FACTS = FOLDER / "facts.toml"
PAGE = FOLDER.parent / "docs" / "claims.md"
NOT_RUN = "not run"
ORDER = ("supported", "refuted", "not shown", NOT_RUN)
KEPT = ("title", "data", "images", "split", "judged_on")
KEPT_OF_ARM = ("name", "status", "reason", "seeds", "accuracy", "val_accuracy", "loss", "seconds", "params")
KEPT_OF_MACHINE = ("processor", "cores", "python")

HEAD = """\
<!-- Written by `uv run python studies/write_claims.py`; edit studies/ instead. -->
# Claims put to the test

Five articles teach image classification with numbers from single runs. Here every claim they make is put to the test:
{counts} (a claim that is tested in several ways counts as several).

How a claim is judged: every network is trained with several seeds, all are judged on the same test images, and a
difference counts where it is shown beyond the draw of the seeds and of the images. *Supported* and *refuted* both need
that; what is neither is *not shown*, which is not a refutation. `a > b within m` claims more than m, `a >= b within m`
no more than m less, `a = b within m` no more than m either way. All p of one study are corrected together by Holm's
method; intervals are 95 %, each on its own. Figures of images speak of other seeds and other images of the same kind,
epochs and seconds of other seeds only. The stored verdicts on `loss` and `drop` are older: they count the seeds alone,
and their intervals are narrower than `sadari study` would print now. `sadari study FILE` runs a study and prints these
verdicts; what a study reduces against its article is said below its heading, and its claims are judged only for what
was run.
"""


@dataclass(frozen=True)
class Line:
    """One claim on the page."""

    source: str
    words: str
    test: str
    verdict: str
    numbers: str


@dataclass(frozen=True)
class Section:
    """One study on the page; `result` is None where it has not been run."""

    name: str
    study: Study
    result: Mapping[str, Any] | None

    @property
    def lines(self) -> list[Line]:
        judged = self.result["claims"] if self.result else [{}] * len(self.study.claims)
        return [
            Line(
                self.study.source,
                claim.words,
                f"`{claim.text}`",
                found.get("verdict", NOT_RUN),
                found.get("sentence", "no result is stored"),
            )
            for claim, found in zip(self.study.claims, judged, strict=True)
        ]


def studies() -> dict[str, Study]:
    """Read the studies of this folder, by the names of their files."""
    return {path.stem: read_study(path) for path in sorted(FOLDER.glob("*.toml")) if path != FACTS}


def section(name: str, study: Study) -> Section:
    """Return a study with its stored result. Raises SadariError where that has other arms or claims than the study."""
    stored = RESULTS / f"{name}.json"
    if not stored.is_file():
        return Section(name, study, None)
    result = read_json(stored)
    same_claims = [each["claim"] for each in result["claims"]] == [each.text for each in study.claims]
    if not same_claims or {arm["name"] for arm in result["arms"]} != {arm.name for arm in study.request.arms}:
        raise SadariError(
            f"{stored} holds other arms or claims than {name}.toml; run the study again and take its result over"
        )
    return Section(name, study, result)


def facts() -> list[Line]:
    """Read the claims that are checked by a test, or not at all."""
    return [
        Line(
            each["source"],
            each["words"],
            f"`uv run pytest {each['check']}`" if "check" in each else "-",
            each["verdict"],
            each["numbers"],
        )
        for each in tomllib.loads(FACTS.read_text(encoding="utf-8"))["claims"]
    ]


def take_over(folder: Path) -> Path:
    """Store the finished comparison in `folder` as the result of the study that has its title."""
    document = read_json(folder / "comparison.json")
    names = {study.request.title: name for name, study in studies().items()}
    if document["title"] not in names:
        raise UsageError(f"{folder} is of none of the studies in {FOLDER}: its title is '{document['title']}'")
    kept: dict[str, Any] = {key: document[key] for key in KEPT}
    kept["arms"] = [{key: arm[key] for key in KEPT_OF_ARM} for arm in document["arms"]]
    kept["claims"] = document["claims"]
    runs = [Path(run).name for arm in document["arms"] for run in arm["runs"]]
    environment = read_json(folder / runs[0] / "environment.json")
    kept["machine"] = {key: environment[key] for key in KEPT_OF_MACHINE} | {
        package: environment["packages"][package] for package in ("sadari", "torch")
    }
    stored = RESULTS / f"{names[document['title']]}.json"
    write_json(stored, kept)
    return stored


def page() -> str:
    """Return the text of docs/claims.md."""
    found, beside = [section(name, study) for name, study in studies().items()], facts()
    lines = [line for each in found for line in each.lines]
    counted = Counter(line.verdict for line in (*lines, *beside))
    counts = ", ".join(f"{counted[verdict]} {verdict}" for verdict in ORDER if counted[verdict])
    parts = [HEAD.format(counts=f"**{counts}**, of {len(lines) + len(beside)}"), "## All of them\n"]
    parts.append(_table(("article", "claim", "verdict"), _overview([*lines, *beside])))
    parts += [text for each in found for text in _section_text(each)]
    parts += [
        "## Without training\n",
        _table(
            ("article", "claim", "check", "verdict", "numbers"),
            [(each.source, each.words, each.test, _marked(each.verdict), each.numbers) for each in beside],
        ),
    ]
    return "\n".join(parts)


def _overview(lines: Sequence[Line]) -> list[tuple[str, ...]]:
    ordered = sorted(lines, key=lambda line: line.source)
    return [(line.source, line.words, _marked(line.verdict)) for line in ordered]


def _section_text(shown: Section) -> Iterator[str]:
    study, request = shown.study, shown.study.request
    yield f"## {request.title.removeprefix('Claims of ')}\n"
    away = request.data.endswith((".gz", ".zip", ".tar", ".npz"))
    yield f"    sadari study studies/{shown.name}.toml{f' --data PATH/{Path(request.data).name}' if away else ''}\n"
    yield from (f"- {note}" for note in study.notes)
    if shown.result is None:
        yield "- not run yet\n"
    else:
        images, machine = shown.result["images"], shown.result["machine"]
        counts = ", ".join(f"{images[split]:,} {split}" for split in ("train", "val", "test") if images[split])
        seeds = max(len(arm["seeds"]) for arm in shown.result["arms"])
        cores = f"{machine['cores']} core{'s' if machine['cores'] > 1 else ''} of {machine['processor']}"
        yield f"- {seeds} seeds; {counts} ({shown.result['split']}); {cores}, torch {machine['torch']}\n"
    rows = [(line.words, line.test, _marked(line.verdict), line.numbers) for line in shown.lines]
    yield _table(("claim", "as tested", "verdict", "numbers"), rows)
    if shown.result is not None:
        head = ("arm", "seeds", "accuracy", "95 % interval", "loss")
        yield _table(head, [_arm(arm) for arm in shown.result["arms"]])


def _arm(arm: Mapping[str, Any]) -> tuple[str, ...]:
    accuracy = arm["accuracy"]
    if accuracy is None:
        return arm["name"], "0", "failed", "-", "-"
    interval = f"{accuracy['low']:.4f} - {accuracy['high']:.4f}"
    return arm["name"], str(len(arm["seeds"])), f"{accuracy['mean']:.4f}", interval, f"{arm['loss']:.4f}"


def _marked(verdict: str) -> str:
    return f"**{verdict}**" if verdict in ("supported", "refuted") else f"*{verdict}*"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


def main(folders: Sequence[str]) -> int:
    """Take the results of `folders` over, then write the page; 2 where that cannot be done."""
    try:
        for folder in folders:
            sys.stdout.write(f"{take_over(Path(folder))}\n")
        write_text(PAGE, page())
    except SadariError as error:
        sys.stderr.write(f"error: {error}\n")
        return int(error.status)
    sys.stdout.write(f"{PAGE}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
