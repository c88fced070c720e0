"""What does AutoGluon MultiModal make of photographs? `MultiModalPredictor` on a table of paths, with `timm_image`.

photo_autogluon.py TASK    (run by ../../photographs.py; photo_task.py says what a task is)

Its checkpoint is a local folder (config.json with the mean and std of the weights, and pytorch_model.bin), which it
reads as one that it saved itself. Everything else is as its presets have it: validation images, rates by layer,
TrivialAugment, up to 20 epochs that patience may end, and the greedy soup of its best three.
options: `presets`, and what `fit` takes (`time_limit` in seconds).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from autogluon.multimodal import MultiModalPredictor
from autogluon.multimodal.models.timm_image import TimmAutoModelForImagePrediction

from photo_task import Features, Pixels, Task, classes_of, judged_images, run

AUTOGLUON = "weights-autogluon"  # the folder of the weights in the form that it reads


def train(task: Task) -> Iterator[tuple[str, str]]:
    """Train, and return the name and the class of each judged image."""
    folder = Path(task["photos"]) / "train"
    images = [(str(path), name) for name in classes_of(task) for path in sorted((folder / name).iterdir())]
    options: dict[str, Any] = dict(task["options"])
    predictor = MultiModalPredictor(
        label="label",
        path=str(Path(task["scratch"]) / "predictor"),
        presets=options.pop("presets", None),
        enable_progress_bar=False,
    )
    chosen = {
        "model.names": ["timm_image"],
        "model.timm_image.checkpoint_name": checkpoint(task),
        **options.pop("hyperparameters", {}),
    }
    predictor.fit(
        pd.DataFrame(images, columns=["image", "label"]), hyperparameters=chosen, seed=task["seed"], **options
    )
    judged = judged_images(task)
    said = predictor.predict(pd.DataFrame({"image": [str(path) for path in judged]}), as_pandas=False)
    return zip((path.name for path in judged), map(str, said), strict=True)


def checkpoint(task: Task) -> str:
    """Return the folder that takes the place of a name."""
    return str(Path(task["weights"]).with_name(AUTOGLUON))


@torch.no_grad()
def features(task: Task, pixels: Pixels) -> Features:
    """Return the pooled features of the images."""
    model = TimmAutoModelForImagePrediction("timm_image", checkpoint(task), num_classes=0).eval()
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in (model.image_mean, model.image_std))
    images = (torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - mean) / std
    found: Features = model.model(images).numpy()
    return found


if __name__ == "__main__":
    run(train, features)
