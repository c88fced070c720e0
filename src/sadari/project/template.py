"""How does a project begin? With a file that says what may be in it, and runs at once."""

from pathlib import Path

from sadari.errors import UsageError
from sadari.files import exists, write_bytes, write_text
from sadari.project.file import FILE, RUNS

TEMPLATE = """\
# What this project compares. `sadari run` makes what is missing or out of date; `sadari run --status` says which.
# Commit this file and the folder results/; the folder runs/ can be made again.

data = "{data}"            # of every entry that names none: a named set, or a path from beside this file
seeds = 3

[settings]                 # of every comparison and search; `sadari settings` lists them
epochs = 10

[compare.ladder]
models = ["logistic", "mlp", "cnn"]
claims = ["cnn > mlp", "mlp > logistic"]

# [compare.dropout]
# arms = [{{ model = "lstm", vary = {{ dropout = [0.0, 0.2, 0.5] }} }}]
# claims = ["argmax(dropout) = 0.2"]

# [compare.article]
# study = "article.toml"

# [tune.cnn-settings]      # needs Optuna
# model = "cnn"
# trials = 20

# [export.winner]          # needs the extra `deploy`, but for to = "safetensors"
# of = "ladder"
# to = "onnx"
"""
IGNORE = ".gitignore"


def write_template(folder: Path, data: str = "digits") -> tuple[Path, ...]:
    """Write a project file into `folder`, and the folder of runs into its `.gitignore`; return what was written.

    Raises UsageError where there is a project file already.
    """
    path, ignore = folder / FILE, folder / IGNORE
    if exists(path):
        raise UsageError(f"{path} is there already; change it, or remove it first")
    write_text(path, TEMPLATE.format(data=data))
    ignored = ignore.read_bytes() if ignore.is_file() else b""  # of any encoding and end of line, which stay
    if any(each.strip().strip(b"/") == RUNS.encode() for each in ignored.splitlines()):
        return (path,)
    write_bytes(ignore, ignored + (b"" if not ignored or ignored.endswith(b"\n") else b"\n") + f"/{RUNS}/\n".encode())
    return path, ignore
