"""Which arguments and options do several commands share? Each is declared here once, with its help text."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sadari.cli.completion import data_names, setting_pairs
from sadari.cli.output.console import echo
from sadari.errors import UsageError
from sadari.settings import KEPT as KEPT
from sadari.settings import Value, parse_overrides

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A named set, a folder, a .zip or .tar(.gz), a .npz, .csv or .parquet, an export, or hf://NAME.",
        show_default=False,
        autocompletion=data_names,
    ),
]
Run = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        help="The folder of a run, or of a comparison: its best run by validation.",
        show_default=False,
    ),
]
RunOrExport = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        help="The folder of a run, a comparison (its best run by validation) or a model exported as safetensors.",
        show_default=False,
    ),
]
RunOrFile = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        help="The folder of a run, a comparison or a model exported as safetensors, or an exported ONNX file.",
        show_default=False,
    ),
]
MaxMegapixels = Annotated[
    float | None,
    typer.Option(min=1, help="Images with more pixels, in millions, are refused.", show_default="that of the run"),
]
Abstain = Annotated[
    bool, typer.Option("--abstain", help="Say `none of these` of images that show none of the classes.")
]
Keep = Annotated[
    float,
    typer.Option(metavar="SHARE", help="Of images that do show a class, the share that counts as known."),
]
UnknownScore = Annotated[
    str,
    typer.Option(metavar="NAME", help="By which score, mahalanobis, energy or probability.", show_default="the best"),
]
CoverageOption = Annotated[
    float | None,
    typer.Option(
        help="Also the classes that an image leaves open: sets that hold the true one for this share of images.",
        metavar="SHARE",
        show_default=False,
    ),
]
Classwise = Annotated[bool, typer.Option("--classwise", help="With --coverage: that share of each class.")]
RunsOrComparisons = Annotated[
    list[Path],
    typer.Argument(metavar="RUN|COMPARISON...", help="Folders of runs or comparisons.", show_default=False),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any setting, or variable of the model; again for more.",
        autocompletion=setting_pairs,
    ),
]
DataSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A setting, such as image_size=64 or val_fraction=0.1; again for more.",
        autocompletion=setting_pairs,
    ),
]
ModelCode = Annotated[
    list[str] | None,
    typer.Option(
        "--model-code",
        metavar="MODULE:NAME",
        help="Your code that makes the run's network, which runs only when you name it.",
        show_default=False,
    ),
]
Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the training images.")]
Robustness = Annotated[
    bool,
    typer.Option("--robustness", help="Judge the models on corrupted images too: shifted, turned, noisy, blurred ..."),
]
Workers = Annotated[
    str,
    typer.Option(
        metavar="N|auto", help="How many runs train at once, at most; auto: as many as cores, where that is faster."
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="auto|HOST:PORT",
        help="Train on the nodes of a Ray cluster; auto: the one of this machine.",
        show_default=False,
    ),
]
OldJobs = Annotated[str | None, typer.Option("--jobs", metavar="N|auto", hidden=True, help="--workers, as it was.")]
LogTo = Annotated[
    str | None,
    typer.Option(
        "--log-to",
        metavar="TRACKER[:PLACE],...",
        help="Send runs there while they train: mlflow:URI, wandb:PROJECT, trackio:PROJECT, tensorboard:FOLDER.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
AsLatex = Annotated[bool, typer.Option("--latex", help="Print the table as LaTeX on standard output, for a paper.")]


def out_option(help: str, metavar: str | None = None) -> Any:
    """Return the option --out of a command. help: what is written, and where without the option."""
    return typer.Option("--out", metavar=metavar, help=help)


def seed_option(help: str) -> Any:
    """Return the option --seed of a command. help: what the seed decides."""
    return typer.Option("--seed", min=0, help=help)


def seeds_option(help: str, show_default: bool | str = True) -> Any:
    """Return the option --seeds of a command, a count or auto. help: what is repeated so many times."""
    return typer.Option("--seeds", metavar="N|auto[:N]", help=help, show_default=show_default)


def overrides_of(pairs: list[str] | None, **options: Value | None) -> dict[str, Value]:
    """Return what --set and the options named like a setting ask for, by key; an option that is None was not given.

    Raises UsageError for a pair without '=', and for a key that an option and --set both give.
    """
    overrides = parse_overrides(pairs or [])
    for key, value in options.items():
        if value is None:
            continue
        if key in overrides:
            raise UsageError(f"--{key} and --set {key}=... say the same thing twice; keep one of them")
        overrides[key] = value
    return overrides


def require_one_form(as_json: bool, as_latex: bool) -> None:
    """Raise UsageError where standard output is to be two things at once."""
    if as_json and as_latex:
        raise UsageError("--json and --latex both want standard output; take one of them")


def require_coverage(coverage: float | None, classwise: bool) -> None:
    """Raise UsageError for a --coverage that is no share, and for --classwise without one."""
    from sadari.evaluation.probabilities.conformal import checked_coverage

    if coverage is None and classwise:
        raise UsageError("--classwise goes with --coverage; add such as --coverage 0.95")
    if coverage is not None:
        checked_coverage(coverage)


def workers_of(workers: str, jobs: str | None) -> int | None:
    """Return how many runs may train at once, None for auto. jobs: the value of the old option --jobs, if given.

    Raises UsageError for what is no number, and for both options at once.
    """
    if jobs is not None:
        if workers != "auto":
            raise UsageError("--jobs is the old name of --workers; leave --jobs out")
        echo("--jobs is called --workers now; the old name goes with the next release", err=True)
        workers = jobs
    if workers == "auto":
        return None
    if not workers.isdecimal():
        raise UsageError(f"--workers is a number from 1 up, or auto, not '{workers}'")
    return int(workers)
