"""On which machine and with which sources is this measured, and with how much memory?"""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from sadari.run import environment


def instructions() -> str:
    """Return the widest kind of instructions for matrices that this processor has: AMX, AVX512-BF16, AVX512 or AVX2.

    "" for a processor with none of them.
    """
    import torch  # takes a second to load

    kinds = {
        "AMX": torch.cpu._is_amx_tile_supported,
        "AVX512-BF16": torch.cpu._is_avx512_bf16_supported,
        "AVX512": torch.cpu._is_avx512_supported,
        "AVX2": torch.cpu._is_avx2_supported,
    }
    return next((name for name, has in kinds.items() if has()), "")


def this_machine() -> dict[str, Any]:
    """Return what figures depend on besides the programs, by name: processor, instructions, cores, thread limit ..."""
    stamp = environment()
    found = {name: stamp[name] for name in ("processor", "cores", "system", "python")}
    return {**found, "instructions": instructions(), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "")}


def describe_machine() -> str:
    """Return the same in a line: architecture, instructions, cores that this process may use, Python and torch."""
    import torch

    cores = environment()["cores"]
    kind = f"{platform.machine()} with {instructions()}" if instructions() else platform.machine()
    return f"{kind}, {cores} cores, Python {platform.python_version()}, torch {torch.__version__}"


def commit() -> str:
    """Return the version of the sources as git describes it, "" where git does not say."""
    command, here = ["git", "describe", "--always", "--dirty"], Path(__file__).parent
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=here)
    return done.stdout.strip()


def peak_mib() -> float:
    """Return the most memory that this process has had, in MiB. Linux only.

    ru_maxrss would not do: it begins with that of the process that started this one.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
