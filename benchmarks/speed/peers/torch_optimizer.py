"""Which optimiser of PyTorch has a task? Its class and its arguments, all else by default."""

from typing import Any

import torch


def optimizer_of(task: dict[str, Any]) -> tuple[type[torch.optim.Optimizer], dict[str, Any]]:
    """Return the class, and the arguments besides the parameters."""
    if task["optimizer"] == "sgd":
        return torch.optim.SGD, {"lr": task["learning_rate"]}
    return torch.optim.Adam, {"lr": task["learning_rate"], "eps": task["epsilon"]}
