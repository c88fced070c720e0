"""Which changed copies of photographs does `data check` find again, and which photographs does it take for copies?

    SADARI_DATA_DIR=... uv run python benchmarks/quality/near_copies.py [--photographs 300]     about three minutes
    uv run python benchmarks/quality/near_copies.py --speed 100000                               as many codes of noise

The folder has `animals/` and `flowers/`. Drawn photographs of each are changed, saved again as JPEG, read at 224 pixels
as every image of a set is, and compared with all of the set. `found`: the share that is a near-copy of its original.
`others`: pairs of a changed photograph with one that is no near-copy of its original in the set itself, which a person
has to look at. Results: near_copies.json beside this file; docs/data-checks.md shows them.
"""

import argparse
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance

from sadari.data.copies.codes import difference_codes
from sadari.data.copies.pairs import near_pairs
from sadari.data.load import load
from sadari.progress import Silent
from sadari.settings import Settings, with_overrides

SIDE = 224
Picture = Image.Image
Change = Callable[[Picture], Picture]


def saved(image: Picture, quality: int) -> Picture:
    """Return the image as it is read after it was saved as JPEG."""
    held = io.BytesIO()
    image.save(held, "JPEG", quality=quality)
    return Image.open(io.BytesIO(held.getvalue())).convert("RGB")


def cropped(image: Picture, share: float) -> Picture:
    """Cut `share` of the width and height off at each side."""
    left, top = round(image.width * share), round(image.height * share)
    return image.crop((left, top, image.width - left, image.height - top))


def resized(image: Picture, factor: float) -> Picture:
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS)


CHANGES: dict[str, Change] = {
    "quality 90": lambda image: saved(image, 90),
    "quality 50": lambda image: saved(image, 50),
    "quality 20": lambda image: saved(image, 20),
    "half the size": lambda image: saved(resized(image, 0.5), 85),
    "brighter by a quarter": lambda image: saved(ImageEnhance.Brightness(image).enhance(1.25), 90),
    "darker by a quarter": lambda image: saved(ImageEnhance.Brightness(image).enhance(0.75), 90),
    "contrast 1.3": lambda image: saved(ImageEnhance.Contrast(image).enhance(1.3), 90),
    "grey": lambda image: saved(image.convert("L").convert("RGB"), 90),
    "mirrored": lambda image: saved(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 90),
    "cropped by 1 % at each side": lambda image: saved(cropped(image, 0.01), 90),
    "cropped by 2 % at each side": lambda image: saved(cropped(image, 0.02), 90),
    "cropped by 5 % at each side": lambda image: saved(cropped(image, 0.05), 90),
    "turned by 90 degrees": lambda image: saved(image.transpose(Image.Transpose.ROTATE_90), 90),
}


def framed(image: Picture) -> Any:
    """Return the middle of the image, uint8 (SIDE, SIDE, 3), as a set's images are read."""
    factor = SIDE / min(image.size)
    size = max(SIDE, round(image.width * factor)), max(SIDE, round(image.height * factor))
    scaled = image.resize(size, Image.Resampling.BILINEAR)
    left, top = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
    return np.asarray(scaled.crop((left, top, left + SIDE, top + SIDE)))


def measure(folder: Path, count: int) -> dict[str, Any]:
    """Return what is found of `count` drawn photographs of the set in `folder`, by change."""
    images = load(str(folder), with_overrides(Settings(), {"image_size": SIDE}), Silent())
    codes = difference_codes(np.asarray(images.images[np.arange(len(images))]))
    own = {(pair.first, pair.second) for pair in near_pairs(codes, Silent())}
    drawn = np.random.default_rng(0).permutation(len(images))[:count]
    originals = [Image.open(folder / str(images.ids[at])).convert("RGB") for at in drawn]
    rows: dict[str, Any] = {"photographs": len(images), "pairs in the set": len(own), "changed": len(drawn)}
    for name, change in CHANGES.items():
        changed = difference_codes(np.stack([framed(change(each)) for each in originals]))
        pairs = near_pairs(np.concatenate([codes, changed]), Silent())
        across = {(p.first, int(drawn[p.second - len(images)])) for p in pairs if p.first < len(images) <= p.second}
        found = sum(first == original for first, original in across)
        others = sum(first != at and tuple(sorted((first, at))) not in own for first, at in across)
        rows[name] = {"found": found / len(drawn), "others": others}
        print(folder.name, name, rows[name], flush=True)
    return rows


def speed(count: int) -> None:
    """Print how long all pairs of so many codes of noise take."""
    codes = np.random.default_rng(0).integers(-1, 2, (count, 256)).astype(np.int8)
    started = perf_counter()
    found = near_pairs(codes, Silent())
    print(f"{count:,} codes, {len(found):,} pairs: {perf_counter() - started:.1f} s on {os.cpu_count()} cores")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photographs", type=int, default=300)
    parser.add_argument("--speed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.speed:
        speed(arguments.speed)
        return
    root = Path(os.environ["SADARI_DATA_DIR"])
    rows = {name: measure(root / name, arguments.photographs) for name in ("animals", "flowers")}
    text = json.dumps(rows, indent=1) + "\n"
    Path(__file__).with_suffix(".json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
