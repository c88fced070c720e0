"""How far does airbench's own program come on this processor? Its file is read, changed where it must be, and run.

airbench_on_cpu.py TASK    (run by ../cifar.py)

Nothing of airbench is part of this project: the task names a checkout of https://github.com/KellerJordan/cifar10-airbench
(K. Jordan 2024, arXiv:2404.00498; with Muon since), and CHANGES says what is other here than on the GPU it was written
for. Its weights stay float32 and its network runs in bfloat16 under autocast (there, both are float16, which processors
multiply slowly), in channels-last memory as there. Its recipe, its layers and its test-time augmentation are untouched.

A task is a JSON file: `airbench` (the checkout), `file` (a .npz of X_train, y_train, X_test, y_test; images uint8,
(N, H, W, C), in random order, as airbench takes its whitening filters from the first ones), `epochs` and `seed`.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training_task import read_task, refuse

PROGRAM = "airbench94_muon.py"  # the fastest one to 94 % that it has published
# What stands there, and what is run instead. Each must be found, so that another version is not run by mistake.
CHANGES = (
    ("@torch.compile\n", ""),
    ("if not os.path.exists(data_path):", "if False:"),
    ('torch.load(data_path, map_location=torch.device("cuda"))', "our_images(train)"),
    ("self.images.half()", "self.images.float()"),
    ("mod.half()", "mod.float()"),
    ("torch.cuda.Event(enable_timing=True)", "our_moment()"),
    ("torch.cuda.synchronize()", "None"),
    ("ceil(8 * len(train_loader))", "ceil(our_epochs * len(train_loader))"),
)


class Moment:
    """A point in time, with the two methods that the program calls of CUDA's events."""

    def record(self) -> None:
        self.at = time.perf_counter()

    def elapsed_time(self, later: "Moment") -> float:
        """Return the milliseconds from this one to the `later` one."""
        return 1e3 * (later.at - self.at)


class Lines:
    """What the program would print: one line of its variables after every epoch, and one at the end."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, variables: dict[str, Any], is_final_entry: bool) -> None:
        del is_final_entry
        names = ("epoch", "train_acc", "val_acc", "tta_val_acc", "time_seconds")
        self.rows.append({name: variables.get(name) for name in names})


def changed(source: str, changes: Sequence[tuple[str, str]] = CHANGES) -> str:
    """Return the program as it can run here; end this process if it is another version than `changes` know."""
    for there, here in changes:
        if there not in source:
            refuse(f"{PROGRAM} has no `{there.strip()}`; use its version of March 2025 or change CHANGES")
        source = source.replace(there, here)
    return source


def images_of(file: str) -> dict[bool, dict[str, Any]]:
    """Return the images for learning (True) and for judging (False)."""
    with np.load(file, allow_pickle=False) as stored:
        images = {name: torch.from_numpy(stored[name]) for name in stored}
    return {
        learnt: {"images": images[f"X_{split}"], "labels": images[f"y_{split}"], "classes": []}
        for learnt, split in ((True, "train"), (False, "test"))
    }


def in_bfloat16(forward: Any) -> Any:
    """Return the network's `forward` under autocast, with float32 logits."""

    def run(*inputs: Any, **options: Any) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            logits: Tensor = forward(*inputs, **options)
        return logits.float()

    return run


def answer(lines: Lines, accuracy: float, model: torch.nn.Module) -> dict[str, float]:
    """Return what a race stores of a run: its accuracies, the seconds of training and judging, and its parameters."""
    *epochs, judged = lines.rows
    return {
        "accuracy": accuracy,
        "accuracy_of_one_view": epochs[-1]["val_acc"],
        "training": epochs[-1]["time_seconds"],
        "judging": judged["time_seconds"] - epochs[-1]["time_seconds"],
        "params": sum(each.numel() for each in model.parameters()),
    }


def main() -> None:
    task = read_task()
    path = Path(task["airbench"]) / PROGRAM
    images, lines = images_of(task["file"]), Lines()
    program: dict[str, Any] = {
        "__name__": "airbench",
        "our_images": images.get,
        "our_moment": Moment,
        "our_epochs": task["epochs"],
    }
    exec(compile(changed(path.read_text(encoding="utf-8")), str(path), "exec"), program)
    program["print_training_details"] = lines.add
    program["CifarNet"].forward = in_bfloat16(program["CifarNet"].forward)
    torch.manual_seed(task["seed"])
    model = program["CifarNet"]().to(memory_format=torch.channels_last)
    accuracy = program["main"](0, model)
    print(json.dumps(answer(lines, accuracy, model)))


if __name__ == "__main__":
    main()
