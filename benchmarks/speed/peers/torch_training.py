"""What does a plain PyTorch loop make of a task? A DataLoader over tensors in memory, autocast for bfloat16.

torch_training.py TASK    (run by ../yardstick.py; training_task.py says what a task is)
"""

import time

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from torch_layers import build, counts
from torch_optimizer import optimizer_of
from training_task import JUDGED_AT_ONCE, answer, check_params, read_pixels, read_task

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train_epoch(
    network: nn.Module, loader: DataLoader[tuple[Tensor, ...]], optimizer: torch.optim.Optimizer, low: bool
) -> float:
    """Train one pass and return its seconds. low: in bfloat16."""
    started = time.perf_counter()
    network.train()
    for batch in loader:
        pixels, labels = (each.to(DEVICE) for each in batch)
        optimizer.zero_grad()
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=low):
            logits = network(pixels)
        F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


@torch.inference_mode()
def accuracy_of(network: nn.Module, pixels: Tensor, labels: Tensor) -> float:
    network.eval()
    said = torch.cat([network(some.to(DEVICE)).argmax(1).cpu() for some in torch.split(pixels, JUDGED_AT_ONCE)])
    return (said == labels).double().mean().item()


def main() -> None:
    task = read_task()
    x_train, y_train, x_test, y_test = (torch.from_numpy(each) for each in read_pixels(task))
    network = build(task["layers"], task["shape"], task["seed"]).to(DEVICE)
    counted = counts(network)
    check_params(task["layers"], counted)
    images = TensorDataset(x_train.permute(0, 3, 1, 2).contiguous(), y_train)
    loader = DataLoader(images, batch_size=task["batch"], shuffle=True)
    kind, chosen = optimizer_of(task)
    optimizer = kind(network.parameters(), **chosen)
    low = task["precision"] == "bfloat16"
    seconds = [train_epoch(network, loader, optimizer, low) for _ in range(task["epochs"])]
    accuracy = accuracy_of(network, x_test.permute(0, 3, 1, 2).contiguous(), y_test)
    answer(seconds, accuracy, sum(total for total, _ in counted), task["precision"], ["torch"])


main()
