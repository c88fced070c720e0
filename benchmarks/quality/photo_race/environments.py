"""In which environments do the peers run? Each in one of its own, with the exact versions of a requirement file."""

import platform
import subprocess
from hashlib import sha256
from pathlib import Path

from sadari.errors import SadariError
from sadari.files import write_text

REQUIREMENTS = Path(__file__).parent / "requirements"
_MADE_FROM = "made-from.txt"  # the digest of the requirements that an environment has


def prepare_environment(name: str, folder: Path) -> Path:
    """Return the Python of the environment `name` below `folder`; uv makes it where it is not there yet.

    What was compiled is stored with it, so that no process pays for that. Raises SadariError where uv fails.
    """
    requirements, place = REQUIREMENTS / f"{name}.txt", folder / name
    python = place / "bin" / "python"
    digest = sha256(requirements.read_bytes()).hexdigest()
    mark = place / _MADE_FROM
    if not (mark.is_file() and mark.read_text(encoding="utf-8") == digest):
        _uv("venv", "--clear", "--python", platform.python_version(), str(place))
        _uv("pip", "sync", "--compile-bytecode", "--python", str(python), str(requirements))
        write_text(mark, digest)
    return python


def versions(name: str, packages: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of `packages` in the requirements of the environment `name`."""
    lines = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line and not line.lstrip().startswith("#"))
    return {package: pinned[package].split()[0] for package in packages}


def _uv(*words: str) -> None:
    done = subprocess.run(["uv", *words, "--quiet", "--no-config"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SadariError(f"uv {' '.join(words)} failed: {done.stderr.strip()}")
