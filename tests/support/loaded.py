"""Which slow packages does a command load? Run in a process of its own."""

import subprocess
import sys
from collections.abc import Collection

HEAVY = frozenset({"torch", "torchvision", "sklearn", "pandas", "matplotlib", "tensorboard", "scipy"})
# What a command that only tells something can spare.
SLOW_TO_START = HEAVY | {"numpy", "PIL", "rich", "torch._dynamo", "sympy"}


def loaded_by(code: str, among: Collection[str] = SLOW_TO_START) -> set[str]:
    """Return which of the packages `among` running `code` in a fresh process loads."""
    watched = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\n"
    listing = watched + f"print('loaded', *sorted({set(among)!r} & set(sys.modules)), sep=chr(10))"
    process = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    return set(among) & set(process.stdout.rpartition("loaded\n")[2].split("\n"))


def typed(*words: str) -> str:
    """Return the program that runs the command line `sadari WORDS`."""
    return f"sys.argv = {['sadari', *words]!r}; from sadari.cli.main import main; main()"
