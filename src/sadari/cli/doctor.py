"""`sadari doctor`: what this machine has, what is missing, and what a run would do here."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import typer

from sadari.cli.options import AsJson
from sadari.cli.output.console import echo, print_json
from sadari.errors import SadariError

VARIABLES = (
    *("SADARI_DATA_DIR", "SADARI_CACHE_DIR", "SADARI_WEIGHTS_DIR", "HF_HUB_OFFLINE"),
    *("CUDA_VISIBLE_DEVICES", "RAY_ADDRESS"),
)
SCRIPTS = {"hangul": "가", "kana": "あ", "han": "中"}  # a letter of each
LEAST_FREE_GIB = 2  # assumed: a pack of 60,000 small images and a comparison's runs fit


def doctor(as_json: AsJson = False) -> None:
    """Look at this machine and say what works here; status 1 where something has to be repaired."""
    document = examine()
    if as_json:
        print_json(document)
    else:
        _show(document)
    if document["problems"]:
        raise typer.Exit(1)


def examine() -> dict[str, Any]:
    """Return what was found, as a document: versions, machine, folders, named sets, and the problems in sentences."""
    from sadari.cli.output.plugins import plugin_rows
    from sadari.comparison.cluster.connection import cluster_here, installed
    from sadari.inference.device import bfloat16_units, resolve_machine
    from sadari.report.plots.fonts import font_families, writes
    from sadari.run import environment, memory_bytes
    from sadari.settings import Settings

    settings = resolve_machine(Settings())
    folders, problems = _folders()
    backbone = _backbone(problems)
    plugins = plugin_rows()
    problems += [each["problem"] for each in plugins if each["problem"]]
    stamp = environment()
    del stamp["command"]
    return {
        "machine": {**stamp, "memory_gib": round(memory_bytes() / 2**30, 1) or None, "executable": sys.executable},
        "a_run_here": {
            "device": settings.device,
            "precision": settings.precision,
            "bfloat16_units": bfloat16_units(),
        },
        "backbone": backbone,
        "fonts": {
            "names_in_plots": list(font_families()),
            "hangul": writes("가"),
            "kana": writes("あ"),
            "han": writes("中"),
        },
        "ray": {"version": installed() or None, "cluster": cluster_here() or None},
        "folders": folders,
        "sets": _sets(),
        "plugins": plugins,
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "problems": problems,
    }


def _backbone(problems: list[str]) -> dict[str, str]:
    """Return what backbone=auto takes here; where it can take nothing, add why to `problems`."""
    from sadari.models.backbone.choice import choose

    try:
        found = choose()
    except SadariError as error:
        problems.append(str(error))
        return {}
    return {
        "name": found.backbone,
        "weights": found.weights,
        "cut": found.cut,
        "license": found.license,
        "sentence": found.sentence,
    }


def _folders() -> tuple[dict[str, Any], list[str]]:
    from sadari.data.cache.digests import cache_dir
    from sadari.data.sources.catalog import download_folder

    found: dict[str, Any] = {}
    problems: list[str] = []
    for name, find in (("cache", cache_dir), ("downloads", download_folder), ("runs", Path.cwd)):
        try:
            folder = find()
        except SadariError as error:
            problems.append(str(error))
            continue
        free = _free_gib(folder)
        found[name] = {"path": str(folder), "free_gib": free}
        if free < LEAST_FREE_GIB:
            problems.append(f"only {free:.1f} GiB are free in {folder} ({name}); free some, or choose another folder")
    if not os.access(Path.cwd(), os.W_OK):
        problems.append(f"runs cannot be written to {Path.cwd()}; go to another folder or use --out")
    return found, problems


def _free_gib(folder: Path) -> float:
    """Return the free space, in GiB, where `folder` is or would be made."""
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    return round(shutil.disk_usage(existing).free / 2**30, 1)


def _sets() -> dict[str, str]:
    from sadari.data.load import named_sets
    from sadari.data.sources.catalog import where

    try:
        return {each.name: where(each.name) for each in named_sets()}
    except SadariError:  # among the problems: there is no folder for them
        return {}


def _show(document: dict[str, Any]) -> None:
    machine, here = document["machine"], document["a_run_here"]
    echo(f"machine   {machine['processor']}, {machine['cores']} cores, {machine['memory_gib'] or 'unknown'} GiB")
    echo(f"python    {machine['python']} at {machine['executable']}")
    for name, installed in machine["packages"].items():
        echo(f"          {name} {installed}")
    units = f" ({here['bfloat16_units']})" if here["precision"] == "bfloat16" and here["bfloat16_units"] else ""
    echo(f"a run     trains on {here['device']} in {here['precision']}{units}")
    if document["backbone"]:
        echo(f"backbone  {document['backbone']['sentence'].removeprefix('backbone: ')}")
    echo(f"ray       {_ray_text(document['ray'])}")
    for name, folder in document["folders"].items():
        echo(f"{name:9} {folder['path']} ({folder['free_gib']} GiB free)")
    echo(f"fonts     {_fonts_text(document['fonts'])}")
    for name, where in document["sets"].items():
        echo(f"set       {name:14} {where}")
    for each in document["plugins"]:
        echo(f"plug-in   {each['kind']} {each['name']} of {each['package']}")
    for name, value in document["environment"].items():
        echo(f"variable  {name}={value}")
    for problem in document["problems"]:
        echo(f"problem   {problem}")
    if not document["problems"]:
        echo("all well")


def _fonts_text(fonts: dict[str, Any]) -> str:
    from sadari.report.plots.fonts import ADVICE

    missing = [script for script in SCRIPTS if not fonts[script]]
    used = ", ".join(fonts["names_in_plots"])
    if not missing:
        return f"plots are written in {used}"
    return f"plots are written in {used}, without {' and '.join(map(str.title, missing))}, shown as boxes; {ADVICE}"


def _ray_text(ray: dict[str, Any]) -> str:
    from sadari.comparison.cluster.connection import missing

    if not ray["version"]:
        return str(missing())
    cluster = ray["cluster"]
    return f"{ray['version']}, {f'a cluster answers at {cluster}: --ray auto' if cluster else 'no cluster runs here'}"
