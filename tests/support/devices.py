"""Gradients of a team of processes; run as a program by test_devices.py, this is another one of them.

python -m support.devices MEETING RANK COUNT
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from sadari.training.devices.group import joined
from sadari.training.devices.share import Share
from sadari.training.devices.team import Team
from support.engines import CPU, engine_for, fresh
from support.interruptions import TESTS, quiet_environment
from support.jobs import NORMED, PLAIN, patterns

# Layers, and settings besides. 50 images in batches of 16: the last batch has two images, one for each of two devices.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "dense": (PLAIN, {}),
    "convolutions": ("conv 4 same, maxpool, conv 3, flatten, dense 8", {"batch_size": 15}),
    "normed maps": (NORMED, {}),
    "norms of timm": (NORMED, {}),
    "normed vectors": ("flatten, dense 12, batchnorm", {}),
    "sequences": ("conv 4 same, rows, lstm 6 sequence, layernorm, lstm 5", {}),
    "class weights": (PLAIN, {"class_weights": torch.tensor([0.5, 1.0, 3.0]), "label_smoothing": 0.1}),
}
LAST = 3  # the number of the last step of an epoch


def gradients_of(case: str, folder: Path, team: Team) -> dict[str, Tensor]:
    """Return the gradients of the first and the last step of an epoch, and what batch norms have kept by then."""
    layers, overrides = CASES[case]
    network = fresh(layers, patterns())
    if case == "norms of timm":
        network.features[1] = BatchNormAct2d(4)
    engine = engine_for(layers, folder, network=network, team=team, **overrides)
    engine.network.train()
    found: dict[str, Tensor] = {}
    with team.single_values(engine.learner):
        for step in (0, LAST):
            engine.state.step = step
            engine._gradients(engine.batches.batch(0, step), step)
            for name, parameter in engine.network.named_parameters():
                assert parameter.grad is not None
                found[f"{step}: {name}"] = parameter.grad.clone()
            engine.optimizer.zero_grad(set_to_none=True)
    for name, module in engine.network.named_modules():
        if isinstance(module, _BatchNorm):
            assert module.running_mean is not None
            assert module.running_var is not None
            found |= {f"mean of {name}": module.running_mean, f"variance of {name}": module.running_var}
    return found


def started(meeting: Path, rank: int, count: int) -> "subprocess.Popen[str]":
    """Start this program."""
    environment = {**quiet_environment(), "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])}
    command = [sys.executable, "-m", "support.devices", str(meeting), str(rank), str(count)]
    return subprocess.Popen(command, env=environment, text=True, stderr=subprocess.PIPE)


def main() -> None:
    torch.set_num_threads(1)
    meeting, share = Path(sys.argv[1]), Share(int(sys.argv[2]), int(sys.argv[3]))
    with joined(share, CPU, meeting) as team:
        for case in CASES:
            gradients_of(case, meeting.parent, team)


if __name__ == "__main__":
    main()
