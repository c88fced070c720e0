"""What does Sadari make of a task? A run as `sadari train` makes it, classical models included.

sadari_training.py TASK    (run by ../yardstick.py; training_task.py says what a task is)
"""

import tempfile
from pathlib import Path

from sadari.job import make_job
from sadari.models.catalog import find_model
from sadari.training.train import train
from training_task import answer, read_task


def main() -> None:
    task = read_task()
    overrides = {"scaling": task["scaling"], "epochs": task["epochs"], "batch_size": task["batch"], "val_fraction": 0}
    if task["model"] == "sgd":
        overrides["average"] = False  # as the peer's
    job = make_job(task["file"], find_model(task["model"]), task["seed"], {**overrides, "precision": task["precision"]})
    with tempfile.TemporaryDirectory() as folder:
        run = train(job, Path(folder) / "run")
        seconds = [row["seconds"] for row in run.history]
        summary, accuracy, precision = run.summary, run.scores("test")["accuracy"], run.job.settings.precision
    answer(seconds, accuracy, summary["params"]["total"], precision, ["sadari", "torch", "numpy"])


main()
