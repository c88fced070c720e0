"""Is a set of photographs the same set in every form that Sadari reads, and which forms share its fingerprint?

    DATA PYTHONPATH=tests uv run python benchmarks/quality/dresses.py

Writes the photographs in `animals/` of SADARI_DATA_DIR in each form into a temporary folder, loads them with images of
16 pixels, and compares split, class and pixels of every image with those of the class folders. It needs the extra
datasets.
"""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

import sadari
from support.exports import EXPORTS
from support.sets import write_tar, write_zip

RESULTS = Path(__file__).with_suffix(".json")
SIDE = 16


def main() -> None:
    folder = Path(os.environ["SADARI_DATA_DIR"]) / "animals"
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.jpg"))}
    expected = sadari.load(folder, image_size=SIDE)
    forms = []
    with tempfile.TemporaryDirectory() as temporary:
        for name, make in _forms(folder, files, expected).items():
            images = sadari.load(make(Path(temporary)), image_size=SIDE)
            same = _content(images) == _content(expected)
            forms.append({"form": name, "images": len(images), "fingerprint": images.fingerprint, "same_images": same})
            print(json.dumps(forms[-1]), flush=True)
    command = "SADARI_DATA_DIR=FOLDER PYTHONPATH=tests uv run python benchmarks/quality/dresses.py"
    RESULTS.write_text(json.dumps({"command": command, "date": "2026-11-30", "forms": forms}, indent=1) + "\n")


def _content(images: sadari.ImageSet) -> Counter[tuple[str, str, str]]:
    """Count split, class and pixels of every image."""
    rows = zip(images.source_split.tolist(), images.labels, images.images, strict=True)
    return Counter(
        (split, images.classes[label], sha256(np.asarray(x).tobytes()).hexdigest()) for split, label, x in rows
    )


def _forms(folder: Path, files: dict[str, bytes], images: sadari.ImageSet) -> dict[str, Callable[[Path], Any]]:
    from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, load_dataset
    from torchvision.datasets import ImageFolder

    classes = list(images.classes)

    def dataset(split: str) -> Any:
        mine = {path: content for path, content in files.items() if path.startswith(f"{split}/")}
        rows = {
            "image": [{"bytes": content, "path": path} for path, content in mine.items()],
            "label": [classes.index(path.split("/")[1]) for path in mine],
        }
        return Dataset.from_dict(rows, features=Features({"image": Image(), "label": ClassLabel(names=classes)}))

    def parquet(tmp: Path) -> Path:
        (tmp / "parquet").mkdir()
        for split in ("train", "test"):
            dataset(split).to_parquet(str(tmp / "parquet" / f"{split}-00000-of-00001.parquet"))
        return tmp / "parquet"

    def shards(tmp: Path) -> Path:
        (tmp / "shards").mkdir()
        for split in ("train", "test"):
            members: dict[str, bytes] = {}
            for number, (path, content) in enumerate(files.items()):
                if path.startswith(f"{split}/"):
                    members[f"{number:06d}.jpg"] = content
                    members[f"{number:06d}.cls"] = path.split("/")[1].encode()
            write_tar(tmp / "shards" / f"{split}-000000.tar", members)
        return tmp / "shards"

    def arrays(_: Path) -> dict[str, Any]:
        names, labels = images.source_split, np.asarray(classes)[images.labels]
        return {
            split: (images.images[np.flatnonzero(names == split)], labels[names == split])
            for split in ("train", "test")
        }

    def export(kind: str) -> Callable[[Path], Path]:
        return lambda tmp: EXPORTS[kind](tmp / kind, files)

    return {
        "class folders": lambda _: folder,
        "`.zip`": lambda tmp: write_zip(tmp / "animals.zip", files),
        **{f"export: {kind}": export(kind) for kind in EXPORTS},
        "parquet": parquet,
        "WebDataset": shards,
        "`hf://` of the folder": lambda _: f"hf://{folder.resolve()}",
        "DatasetDict of Hugging Face": lambda _: DatasetDict({each: dataset(each) for each in ("train", "test")}),
        "streamed IterableDataset": lambda _: load_dataset("imagefolder", data_dir=str(folder), streaming=True),
        "ImageFolder of torchvision": lambda _: {each: ImageFolder(str(folder / each)) for each in ("train", "test")},
        f"arrays of {SIDE} pixels": arrays,
    }


if __name__ == "__main__":
    main()
