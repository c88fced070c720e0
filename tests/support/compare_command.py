"""The commands `compare` and `study` as they are typed, with stand-ins for training."""

from typing import Any

import typer
from typer.testing import CliRunner, Result

from sadari.cli import compare as door
from sadari.comparison.arm_result import ArmResult
from sadari.values import Interval


def typed(*words: str) -> Result:
    app = typer.Typer()
    app.command("compare")(door.compare)
    app.command("study")(door.study)
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})


STUDY = """
title = "a small study"
data = "digits"
seeds = [7]
notes = ["the paper rounds"]
[[arms]]
name = "theirs"
model = "mlp"
published = { accuracy = 0.5, loss = 0.25 }
[[arms]]
model = "softmax"
"""


def arm(name: str, **changes: Any) -> ArmResult:
    usual: dict[str, Any] = {
        "name": name, "model": name, "settings": {}, "status": "done", "reason": "", "params": 1234567, "seeds": (0, 1),
        "accuracy": Interval(0.9, 0.01, 0.88, 0.92), "val_accuracy": 0.91, "train_accuracy": 0.95, "gap": 0.05,
        "macro_f1": 0.89, "loss": 0.3, "seconds": 75.0, "images_per_second": 1000.0, "runs": (),
    }  # fmt: skip
    return ArmResult(**{**usual, **changes})
