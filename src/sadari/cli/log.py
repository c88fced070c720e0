"""`sadari log`: finished runs and comparisons, told to a tool that keeps experiments."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sadari.cli.terminal import TerminalProgress
from sadari.cli.train import AsJson


def log(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="RUN|COMPARISON...", help="Folders of runs or comparisons.", show_default=False),
    ],
    to: Annotated[str, typer.Option(help="The tool: mlflow.")] = "mlflow",
    uri: Annotated[
        str, typer.Option(help="Its server or database; MLFLOW_TRACKING_URI or MLflow's own default without it.")
    ] = "",
    experiment: Annotated[str, typer.Option(help="Under which name to keep them; that of the data by default.")] = "",
    as_json: AsJson = False,
) -> None:
    """Put finished runs into MLflow: figures by epoch, settings, scores, small files. What is there already stays."""
    from sadari.tracking.log import log as tell

    logged = tell(paths, to, uri, experiment, TerminalProgress())
    if as_json:
        typer.echo(json.dumps(asdict(logged), indent=2, ensure_ascii=False))
        return
    known = sum(run.known for run in logged.runs)
    there = f", {known} there already" if known else ""
    typer.echo(f"logged {len(logged.runs) - known}{there}   experiment {logged.experiment} in {logged.uri}")
    if not logged.uri.startswith("http"):
        typer.echo(f"next  mlflow ui --backend-store-uri {logged.uri}")
