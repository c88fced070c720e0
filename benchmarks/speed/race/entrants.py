"""Who takes part, and in which environment? Sadari in its own; every peer in one of its own, with exact versions."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sadari.errors import SadariError

PROGRAMS = Path(__file__).parent.parent / "peers"
KERAS = "keras==3.15.1"
TENSORFLOW, JAX, TORCH = "tensorflow-cpu==2.21.0", "jax==0.10.2", "torch==2.15.0"
SKORCH, SCIKIT_LEARN, NUMPY = "skorch==1.4.0", "scikit-learn==1.9.1", "numpy==2.4.6"


@dataclass(frozen=True)
class Entrant:
    """One who computes tasks, by a program in benchmarks/speed/peers.

    packages: of its environment (none: Sadari's environment). backend: which one Keras takes, or "". gpu: whether it
    may compute on a graphics processor.
    """

    name: str
    program: str
    precision: str
    packages: tuple[str, ...] = ()
    backend: str = ""
    gpu: bool = False

    def command(self, own: bool) -> list[str]:
        """Return what starts its program, in an environment of its `own` or in that of Sadari."""
        python = own_python(self.packages) if own and self.packages else [sys.executable]
        return [*python, str(PROGRAMS / self.program)]

    def environment(self, folder: Path) -> dict[str, str]:
        """Return the variables it runs under: on the processor alone unless `gpu`, its caches in `folder`."""
        hidden = {} if self.gpu else {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
        return {
            **os.environ,
            **hidden,
            "PYTHONPATH": "",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "KERAS_BACKEND": self.backend,
            "KERAS_HOME": str(folder / "keras"),
            "SADARI_CACHE_DIR": str(folder / "cache"),
        }


def own_python(packages: Sequence[str]) -> list[str]:
    """Return the command of a Python with only `packages`; uv makes its environment once and keeps it."""
    wanted = [word for package in packages for word in ("--with", package)]
    alone = ["--isolated", "--no-project", "--no-config"]  # without --isolated, an active environment shines through
    return ["uv", "run", *alone, "--python", platform.python_version(), *wanted, "python"]


def _keras(backend: str, package: str, precision: str) -> Entrant:
    name = f"keras-{backend}" + ("" if precision == "float32" else f"-{precision}")
    return Entrant(name, "keras_training.py", precision, (package, KERAS, NUMPY), backend)


OURS = {
    "auto": Entrant("sadari", "sadari_training.py", "auto"),
    "float32": Entrant("sadari-float32", "sadari_training.py", "float32"),
}
PEERS: Mapping[str, Entrant] = {
    each.name: each
    for each in (
        _keras("tensorflow", TENSORFLOW, "float32"),
        _keras("tensorflow", TENSORFLOW, "bfloat16"),
        _keras("jax", JAX, "float32"),
        _keras("torch", TORCH, "float32"),
        Entrant("torch", "torch_training.py", "float32", (TORCH, NUMPY)),
        Entrant("torch-bfloat16", "torch_training.py", "bfloat16", (TORCH, NUMPY)),
        Entrant("skorch", "skorch_training.py", "float32", (SKORCH, TORCH, NUMPY)),
        Entrant("scikit-learn", "sklearn_fitting.py", "float64", (SCIKIT_LEARN, NUMPY)),
    )
}
INSTALLED = ("keras-torch", "torch")  # peers whose packages Sadari's development environment has


def prepare(entrants: Sequence[Entrant], folder: Path) -> None:
    """Make every environment before anything is timed. Raises SadariError where one cannot be made."""
    for packages in dict.fromkeys(each.packages for each in entrants if each.packages):
        entrant = next(each for each in entrants if each.packages == packages)
        command = [*own_python(packages), "-c", ""]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=folder, env=entrant.environment(folder)
        )
        if done.returncode:
            raise SadariError(f"uv made no environment of {', '.join(packages)}: {done.stderr.strip()}")
