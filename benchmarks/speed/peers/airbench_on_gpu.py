"""How far does airbench's own program come on this graphics processor? Its file is read, given our images, and run.

airbench_on_gpu.py TASK    (run by ../cifar.py; airbench_on_cpu.py says what a task is)

Layers, recipe, float16, compiler and clock are those of its file; CHANGES are the images and the number of epochs. As
there, a first run of the same length warms up and is not counted: it compiles.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from airbench_on_cpu import PROGRAM, Lines, answer, changed, images_of
from training_task import read_task

CHANGES = (
    ("if not os.path.exists(data_path):", "if False:"),
    ('torch.load(data_path, map_location=torch.device("cuda"))', "our_images(train)"),
    ("ceil(8 * len(train_loader))", "ceil(our_epochs * len(train_loader))"),
)


def on_gpu(images: dict[str, Any]) -> dict[str, Any]:
    """Return the images of one split with all their tensors on the graphics processor."""
    return {name: each.cuda() if isinstance(each, Tensor) else each for name, each in images.items()}


def main() -> None:
    task = read_task()
    path = Path(task["airbench"]) / PROGRAM
    images, lines = {learnt: on_gpu(each) for learnt, each in images_of(task["file"]).items()}, Lines()
    program: dict[str, Any] = {
        "__name__": "airbench",
        # A copy each time: the warming-up draws other labels into what it gets.
        "our_images": lambda learnt: dict(images[learnt]),
        "our_epochs": task["epochs"],
    }
    exec(compile(changed(path.read_text(encoding="utf-8"), CHANGES), str(path), "exec"), program)
    program["print_training_details"] = lines.add
    torch.manual_seed(task["seed"])
    model = program["CifarNet"]().cuda().to(memory_format=torch.channels_last)
    model.compile(mode="max-autotune")
    program["main"]("warmup", model)
    lines.rows.clear()
    accuracy = program["main"](0, model)
    print(json.dumps(answer(lines, accuracy, model)))


if __name__ == "__main__":
    main()
