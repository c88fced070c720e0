"""Which functions of Python work through a project file? It is run, and how its entries stand is read."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sadari.progress import Progress

if TYPE_CHECKING:
    from sadari.api.runs import Code
    from sadari.project.standing import ProjectStatus


def run_project(
    project: str | Path = ".",
    only: str | Sequence[str] = (),
    *,
    anew: bool = False,
    workers: int | None = None,
    model_code: "Code" = None,
    progress: Progress | None = None,
) -> "ProjectStatus":
    """Make what is missing or out of date of a project file, and return how its entries stand then.

    project: the file, or a folder with `sadari.toml`. only: names of entries; all without it. anew: train them again,
    whatever there is; the former runs stay in `runs/former`. workers: how many runs train at once, at most; None for
    as many as there are cores, where that is faster. model_code: as in `predict`; the file may name code, and does not
    let it run. An entry that fails does not stop the others: its `.state` is
    "failed". Raises SadariError or UsageError with one sentence.
    """
    from sadari.models.own.named import let_run
    from sadari.project.file import read_project
    from sadari.project.run import run_entries

    let_run(model_code)
    names = (only,) if isinstance(only, str) else tuple(only)
    return run_entries(read_project(project), names, anew=anew, workers=workers, progress=progress)


def project_status(
    project: str | Path = ".", only: str | Sequence[str] = (), *, model_code: "Code" = None
) -> "ProjectStatus":
    """Return how the entries of a project file stand: up to date, or not, and why. Trains and writes nothing.

    project, only, model_code: as of `run_project`. `.up_to_date`, `.entries` by name with `.state`, `.reasons`,
    `.to_do` and `.figures`, `.document()` and `.to_frame()` of the result say it. Raises SadariError or UsageError.
    """
    from sadari.models.own.named import let_run
    from sadari.project.file import read_project
    from sadari.project.standing import project_standing

    let_run(model_code)
    return project_standing(read_project(project), (only,) if isinstance(only, str) else tuple(only))
