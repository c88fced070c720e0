"""A small folder of grey drawings of three classes, two of which are in the wrong class folder."""

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("bottom", "left", "right")
PLANTED = ("left/wrong_0.png", "right/wrong_1.png")  # both show another class: bottom, left
SIDE = 12


def drawing(label: str, seed: int) -> Image.Image:
    """Draw an image of the class `label`: that half is bright."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(40, 90, (SIDE, SIDE))
    half = {"left": np.s_[:, : SIDE // 2], "right": np.s_[:, SIDE // 2 :], "bottom": np.s_[SIDE // 2 :, :]}[label]
    pixels[half] += rng.integers(80, 120)
    return Image.fromarray(pixels.astype(np.uint8))


def planted_folder(root: Path, each: int = 20) -> Path:
    """Write `each` images of every class into class folders in `root`, and two that are in a wrong one."""
    for at, label in enumerate(CLASSES):
        (root / label).mkdir(parents=True)
        for number in range(each):
            drawing(label, 1000 * at + number).save(root / label / f"{number:03d}.png")
    drawing("bottom", 9000).save(root / PLANTED[0])
    drawing("left", 9001).save(root / PLANTED[1])
    return root


def bytes_of(root: Path) -> dict[str, bytes]:
    """Return the content of every image in `root`, to see that none was touched."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*.png"))}
