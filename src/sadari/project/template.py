"""How does a project begin? With a file that says what may be in it, and runs at once."""

from pathlib import Path

from sadari.errors import UsageError
from sadari.files import exists, write_text
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
    line = f"/{RUNS}/"
    ignored = ignore.read_text(encoding="utf-8") if ignore.is_file() else ""
    if any(each.strip().strip("/") == RUNS for each in ignored.splitlines()):
        return (path,)
    write_text(ignore, f"{ignored}{'' if not ignored or ignored.endswith(chr(10)) else chr(10)}{line}\n")
    return path, ignore
