"""Which changed copies of photographs does `data check --deep` find, and which other photographs does it list?

    SADARI_DATA_DIR=... uv run python benchmarks/quality/deep_copies.py [--photographs 60]

Drawn photographs of `animals` and `flowers` are changed as in near_copies.py, and cropped further; each change of all
of them is added to its set, and the features of all are compared as `--deep` compares them. `found`: the share whose
likeness to their original is listed. `look-alikes`: pairs of the set itself that are neither identical nor
near-copies and would be listed; a person has looked at them (docs/data-checks.md). Results: deep_copies.json beside
this file.
"""

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from near_copies import CHANGES, SIDE, cropped, saved
from sadari.data.copies.search import find_copies
from sadari.data.decode import RESAMPLING
from sadari.data.load import load
from sadari.progress import Silent
from sadari.review.deep_copies import LIKENESS, alike, whitened
from sadari.review.features import backbone_job, backbone_rows
from sadari.values import ImageSet

Change = Callable[[Image.Image], Image.Image]


def crop(share: float) -> Change:
    return lambda image: saved(cropped(image, share), 90)


CHANGED: dict[str, Change] = {
    "quality 50": CHANGES["quality 50"],
    "brighter by a quarter": CHANGES["brighter by a quarter"],
    "mirrored": CHANGES["mirrored"],
    **{f"cropped by {percent} % at each side": crop(percent / 100) for percent in (2, 5, 10, 15, 20)},
    "cropped by 10 % and mirrored": lambda image: crop(0.1)(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    "turned by 90 degrees": CHANGES["turned by 90 degrees"],
}


def framed(image: Image.Image) -> NDArray[np.uint8]:
    """Return the middle of the image, uint8 (SIDE, SIDE, 3), as `linear-probe` reads a photograph."""
    factor = SIDE / min(image.size)
    size = max(SIDE, round(image.width * factor)), max(SIDE, round(image.height * factor))
    scaled = image.resize(size, RESAMPLING["bicubic"])
    left, top = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
    return np.asarray(scaled.crop((left, top, left + SIDE, top + SIDE)))


def measure(folder: Path, count: int) -> dict[str, Any]:
    """Return what is found of `count` drawn photographs of the set in `folder`, by change."""
    job = backbone_job(str(folder), {})
    images = load(job.data, job.settings, Silent())
    everything = np.arange(len(images))
    rows = backbone_rows(job, images, everything, Silent())
    assert rows is not None
    copies = find_copies(images, job.settings)
    known = {tuple(pair) for pair in copies.near.tolist()}
    same = copies.groups
    listed = [
        pair for pair in alike(whitened(rows)) if pair[:2] not in known and not same[pair[0]] == same[pair[1]] >= 0
    ]
    drawn = np.random.default_rng(0).permutation(len(images))[:count]
    originals = [Image.open(folder / str(images.ids[at])).convert("RGB") for at in drawn]
    found: dict[str, Any] = {"photographs": len(images), "look-alikes": len(listed), "changed": count, "found": {}}
    print(folder.name, found)
    for first, second, cosine in sorted(listed, key=lambda each: -each[2]):
        print(f"  {cosine:.2f} {images.ids[first]} {images.ids[second]}", flush=True)
    for name, change in CHANGED.items():
        pixels = np.stack([framed(change(each)) for each in originals])
        ids = np.array([f"{at}" for at in range(count)])
        changed = ImageSet(
            "changed", pixels, np.zeros(count, dtype=np.int64), ids, ("a", "b"), np.array([""] * count),
            f"{folder.name}, {name}, {count}",
        )  # fmt: skip
        more = backbone_rows(job, changed, np.arange(count), Silent())
        assert more is not None
        both = whitened(np.concatenate([rows, more]))
        likeness = (both[len(images) :] * both[drawn]).sum(axis=1)
        found["found"][name] = round(float((likeness >= LIKENESS).mean()), 4)
        print(folder.name, name, found["found"][name], flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photographs", type=int, default=60)
    arguments = parser.parse_args()
    root = Path(os.environ["SADARI_DATA_DIR"])
    rows = {name: measure(root / name, arguments.photographs) for name in ("animals", "flowers")}
    text = json.dumps(rows, indent=1) + "\n"
    Path(__file__).with_suffix(".json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
