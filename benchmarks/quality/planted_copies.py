"""What do copies of judging photographs in train change for `linear-probe`, and does `copies=drop` undo it?

    SADARI_DATA_DIR=... uv run python benchmarks/quality/planted_copies.py [--train 100] [--val 60]

Of each class of `flowers` some photographs of train and of val are drawn; copies of every second one of val, saved
again as JPEG of quality 50, are planted in train, under the right label. `linear-probe` and `knn` learn with
`copies=report` and `copies=drop`, each one judged on all of val, with 95 % intervals, and on those of val that have no
copy in train. Results: planted_copies.json beside this file; docs/data-checks.md shows them.
"""

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import sadari
from near_copies import saved


def plant(source: Path, target: Path, train: int, val: int) -> int:
    """Write drawn photographs to `target`, and copies of every second one of val into train; count these."""
    generator = np.random.default_rng(0)
    planted = 0
    for folder in sorted((source / "train").iterdir()):
        for split, count in (("train", train), ("val", val)):
            files = sorted((source / split / folder.name).iterdir())
            place = target / split / folder.name
            place.mkdir(parents=True)
            for number, at in enumerate(generator.permutation(len(files))[:count]):
                shutil.copy(files[at], place)
                if split == "val" and number % 2 == 0:
                    copy = saved(Image.open(files[at]).convert("RGB"), 50)
                    copy.save(target / "train" / folder.name / f"copy-{number}.jpg", quality=95)
                    planted += 1
    return planted


def measure(train: int, val: int) -> dict[str, Any]:
    """Return the accuracies of both models with and without the copies."""
    with tempfile.TemporaryDirectory() as folder:
        planted = plant(Path(os.environ["SADARI_DATA_DIR"]) / "flowers", Path(folder) / "planted", train, val)
        result = sadari.compare(
            Path(folder) / "planted", ["linear-probe", "knn"], seeds=1, vary={"copies": ["report", "drop"]},
            out=Path(folder) / "runs", tensorboard="off",
        )  # fmt: skip
        rows = {
            arm.name: {
                "accuracy": [round(each, 4) for each in (arm.accuracy.mean, arm.accuracy.low, arm.accuracy.high)],
                "without copies": round(arm.without_copies.mean, 4) if arm.without_copies else None,
            }
            for arm in result.arms
            if arm.accuracy
        }
        counts = dict(result.data.counts)
        return {"planted": planted, "found": len(result.data.copied), "counts": counts, "arms": rows}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--train", type=int, default=100)
    parser.add_argument("--val", type=int, default=60)
    arguments = parser.parse_args()
    text = json.dumps(measure(arguments.train, arguments.val), indent=1) + "\n"
    print(text)
    Path(__file__).with_suffix(".json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
