"""What does a plain PyTorch loop over timm's network make of photographs?

photo_torch.py TASK    (run by ../../photographs.py; photo_task.py says what a task is)

A loop has no defaults, so they are those of its parts: timm's network with a new class layer, timm's own transforms for
training (random crops, flips, colours) and judging, torch's AdamW with its rate of 0.001, falling as a cosine, batches
of 32, all layers from the first step on, and all images of train/. options: `epochs`.
"""

import math
from collections.abc import Iterator
from typing import Any

import timm
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets import ImageFolder

from photo_task import NAME, Features, Pixels, Task, classes_of, judged_images, run, timm_arguments

DATA: Any = timm.data  # its functions have no annotations
BATCH, WORKERS = 32, 2  # assumed: the commonest batch; a worker for each core of the machine


class Judged(Dataset[tuple[torch.Tensor, str]]):
    """The images to be judged, with their names."""

    def __init__(self, task: Task, transform: Any) -> None:
        self.paths, self.transform = judged_images(task), transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, at: int) -> tuple[torch.Tensor, str]:
        with Image.open(self.paths[at]) as image:
            return self.transform(image.convert("RGB")), self.paths[at].name


def network(task: Task, classes: int) -> nn.Module:
    """Return timm's network with the weights, and a class layer of so many classes (0: none)."""
    made: nn.Module = timm.create_model(NAME, num_classes=classes, **timm_arguments(task))
    return made


def train(task: Task) -> Iterator[tuple[str, str]]:
    """Train, and yield the name and the class of each judged image."""
    torch.manual_seed(task["seed"])
    model = network(task, len(classes_of(task)))
    config = DATA.resolve_data_config({}, model=model)
    learned = ImageFolder(f"{task['photos']}/train", DATA.create_transform(**config, is_training=True))
    loader = DataLoader(learned, BATCH, shuffle=True, num_workers=WORKERS)
    fit(model, loader, task["options"]["epochs"])
    return judge(
        model,
        learned.classes,
        DataLoader(Judged(task, DATA.create_transform(**config)), BATCH, num_workers=WORKERS),
    )


def fit(model: nn.Module, loader: "DataLoader[Any]", epochs: int) -> None:
    """Train all layers of `model`."""
    optimizer = torch.optim.AdamW(model.parameters())
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, math.ceil(epochs * len(loader)))
    loss = nn.CrossEntropyLoss()
    model.train()
    for epoch in range(1, epochs + 1):
        total = 0.0
        for images, labels in loader:
            optimizer.zero_grad()
            found = loss(model(images), labels)
            found.backward()
            optimizer.step()
            schedule.step()
            total += found.item()
        print(f"epoch {epoch}: loss {total / len(loader):.4f}", flush=True)


@torch.no_grad()
def judge(model: nn.Module, classes: list[str], loader: "DataLoader[Any]") -> Iterator[tuple[str, str]]:
    """Yield the name and the class of each image."""
    model.eval()
    for images, names in loader:
        yield from zip(names, (classes[at] for at in model(images).argmax(1)), strict=True)


@torch.no_grad()
def features(task: Task, pixels: Pixels) -> Features:
    """Return the pooled features of the images."""
    model = network(task, 0).eval()
    config = DATA.resolve_data_config({}, model=model)
    mean, std = (torch.tensor(config[key]).view(3, 1, 1) for key in ("mean", "std"))
    images = (torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - mean) / std
    found: Features = model(images).numpy()
    return found


if __name__ == "__main__":
    run(train, features)
