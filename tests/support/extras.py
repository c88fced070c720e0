"""The example package of plug-ins, installed as a package manager would: modules and metadata in a folder."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "plug-in"
PROJECT = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
Points = Mapping[str, Mapping[str, str]]


def install(site: Path, name: str = "", version: str = "", points: Points | None = None) -> Path:
    """Put the metadata of a distribution into the folder `site`, and return that. points: entry points by group.

    Without a name it is the example, with its modules.
    """
    if not name:
        name, version, points = PROJECT["name"], PROJECT["version"], PROJECT["entry-points"]
        shutil.copytree(EXAMPLE / "src" / "sadari_extras", site / "sadari_extras", dirs_exist_ok=True)
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    groups = [
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
        for group, entries in (points or {}).items()
    ]
    (info / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")
    return site


def environment(*sites: Path, cache: Path, **more: str) -> dict[str, str]:
    """Return the environment of a process that finds what is installed in `sites`."""
    paths = [*map(str, sites), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "SADARI_CACHE_DIR": str(cache), **more}


def sadari(*words: str, cwd: Path, env: Mapping[str, str], check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line `sadari WORDS` in a process of its own."""
    program = [sys.executable, "-P", "-c", "from sadari.cli.main import main; main()", *words]
    done = subprocess.run(program, cwd=cwd, env=dict(env), capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done
