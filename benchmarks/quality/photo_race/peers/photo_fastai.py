"""What does fastai make of photographs? `vision_learner` and `fine_tune`, as its first tutorial has them.

photo_fastai.py TASK    (run by ../../photographs.py; photo_task.py says what a task is)

Everything is as fastai has it: a fifth of the images for validation, batches of 64, its own head on timm's network
(named to `vision_learner`, which normalises with the mean and std of the weights), one epoch of the head alone, then
all layers. Given are the weights, a size of 224 pixels, which fastai asks for, and batches that are no larger than the
training images (fastai drops a batch that is not full, and would not train at all).
options: `epochs`, `augment` (whether with `aug_transforms` and random crops, as its book has it).
"""

from collections.abc import Iterator

import torch
from fastai.vision.all import (
    ImageDataLoaders,
    Normalize,
    RandomResizedCrop,
    Resize,
    TensorImage,
    accuracy,
    aug_transforms,
    create_timm_model,
    set_seed,
    vision_learner,
)

from photo_task import NAME, SIDE, Features, Pixels, Task, judged_images, run, timm_arguments

VALIDATION, BATCH = 0.2, 64  # cited: fastai's own


def train(task: Task) -> Iterator[tuple[str, str]]:
    """Train, and return the name and the class of each judged image."""
    set_seed(task["seed"])
    augment = task["options"].get("augment", False)
    folder = f"{task['photos']}/train"
    loaders = ImageDataLoaders.from_folder(
        folder,
        valid_pct=VALIDATION,
        seed=task["seed"],
        item_tfms=RandomResizedCrop(SIDE, min_scale=0.5) if augment else Resize(SIDE),
        batch_tfms=aug_transforms() if augment else None,
        bs=batch_size(folder),
    )
    learner = vision_learner(loaders, NAME, metrics=accuracy, path=task["scratch"], **timm_arguments(task))
    learner.fine_tune(task["options"]["epochs"])
    judged = judged_images(task)
    probabilities, _ = learner.get_preds(dl=loaders.test_dl(judged))
    said = [loaders.vocab[at] for at in probabilities.argmax(1)]
    return zip((path.name for path in judged), said, strict=True)


def batch_size(folder: str) -> int:
    """Return fastai's batch, or all training images where there are fewer."""
    from fastai.vision.all import get_image_files

    images = len(get_image_files(folder))
    return min(BATCH, images - int(VALIDATION * images))


@torch.no_grad()
def features(task: Task, pixels: Pixels) -> Features:
    """Return the pooled features of the images, by the body of the network that `vision_learner` makes."""
    model, config = create_timm_model(NAME, 2, **timm_arguments(task))
    normalize = Normalize.from_stats(config["mean"], config["std"], cuda=False)
    images = normalize(TensorImage(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255))
    found: Features = torch.Tensor(model[0].eval()(images)).mean((2, 3)).numpy()
    return found


if __name__ == "__main__":
    run(train, features)
