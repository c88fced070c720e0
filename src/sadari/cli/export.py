"""`sadari export` and `sadari log`: runs handed over to other tools, as a model file or as entries of a tracker."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sadari.cli.options import AsJson, ModelCode, Run, RunsOrComparisons, out_option
from sadari.cli.output.console import echo, print_json
from sadari.cli.output.progress import TerminalProgress
from sadari.models.own.reference import naming_option

if TYPE_CHECKING:
    from sadari.deploy.export import Exported
    from sadari.deploy.parity import Parity
    from sadari.deploy.quantize import Cost


def export(
    run: Run,
    to: Annotated[
        str, typer.Option(help="onnx, safetensors (a folder in the hub's layout) or web (a page for a browser).")
    ] = "onnx",
    out: Annotated[Path | None, out_option("The file or folder; beside the run by default.")] = None,
    quantize: Annotated[str, typer.Option(help="int8: smaller and faster, at a measured cost (onnx and web).")] = "",
    model_code: ModelCode = None,
    as_json: AsJson = False,
) -> None:
    """Write a run's model as a file that runs without Sadari, proved to be the same model."""
    from sadari.deploy import export as exporting
    from sadari.models.own.named import let_run
    from sadari.run import RunRecord
    from sadari.run_lookup import find_run

    let_run(model_code)
    progress = TerminalProgress()
    record = RunRecord.open(find_run(run, progress))
    made = exporting.export(record, to, out, quantize, progress)
    if as_json:
        print_json(made.document())
        return
    for line in _lines(made, record.job.model):
        echo(line)


def log(
    paths: RunsOrComparisons,
    to: Annotated[str, typer.Option(help="The tool: mlflow.")] = "mlflow",
    uri: Annotated[
        str, typer.Option(help="Its server or database; MLFLOW_TRACKING_URI or MLflow's own default without it.")
    ] = "",
    experiment: Annotated[str, typer.Option(help="Under which name to keep them; that of the data by default.")] = "",
    as_json: AsJson = False,
) -> None:
    """Put finished runs into MLflow: figures by epoch, settings, scores, small files. What is there already stays."""
    from sadari.tracking import log as tracking
    from sadari.tracking.mlflow_store import next_step

    logged = tracking.log(paths, to, uri, experiment, TerminalProgress())
    if as_json:
        print_json(logged.document())
        return
    known = sum(run.known for run in logged.runs)
    there = f", {known} there already" if known else ""
    echo(f"logged {len(logged.runs) - known}{there}   experiment {logged.experiment} in {logged.uri}")
    if not logged.uri.startswith("http"):
        echo(f"next  {next_step(logged.uri)}")


def _lines(made: "Exported", model: str) -> list[str]:
    height, width, channels = made.shape
    what = f"uint8 (N, {height}, {width}, {channels}) -> probabilities (N, {len(made.classes)})"
    lines = [f"{made.path}   {_size(made.bytes)}   {what}"]
    if made.parity:
        lines.append(f"  {_proof(made.parity, made.split)}")
    if made.cost:
        lines += [f"  {line}" for line in _cost(made.cost, made.split)]
    if made.form == "web":
        lines.append(f"next  open {shlex.quote(str(made.path / 'index.html'))} in a browser; no server is needed")
    if made.form == "safetensors":
        lines.append(f"next  sadari predict {shlex.quote(str(made.path))} photo.jpg{naming_option(model)}")
    return lines


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _proof(parity: "Parity", split_name: str) -> str:
    if parity.ties == 0:
        same = f"the same class as the run's network for all {parity.images:,} {split_name} images"
    else:
        same = (
            f"the same class as the run's network for {parity.images - parity.ties:,} of {parity.images:,} "
            f"{split_name} images, and an equally probable one for {parity.ties:,}"
        )
    return f"{same}; largest difference of a probability {parity.largest:.1e}"


def _cost(cost: "Cost", split_name: str) -> list[str]:
    found = cost.verdict
    return [
        f"int8: accuracy {cost.accuracy_int8:.4f} on these {split_name} images, float32 {cost.accuracy:.4f}: "
        f"{100 * found.difference:+.2f} points ({100 * found.low:.2f} to {100 * found.high:.2f}); "
        f"another class for {cost.changed:,}",
        f"int8: {cost.size_ratio:.2f} of the size, {cost.speed_ratio:.1f} times as fast here",
    ]
