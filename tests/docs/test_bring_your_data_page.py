"""Is every row of docs/bring-your-data.md true: is what you have understood when you type what stands there?"""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import sadari
from sadari.data.sources.objects import hub, hugging_face
from support.exports import (
    flat,
    parts,
    write_coco,
    write_cvat,
    write_label_studio,
    write_label_studio_csv,
    write_label_studio_min,
    write_metadata_jsonl,
    write_roboflow,
)
from support.objects import arrays, dataset, dataset_dict, write_parquet
from support.sets import CLASSES, encode_all, small_pixels, write_csv, write_folder, write_npz, write_tar, write_zip
from support.terminal import Terminal

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "bring-your-data.md").read_text(encoding="utf-8")
ROWS = dict(reversed(row) for row in re.findall(r"^\| ([^|]+) \| `([^|]+)` \|$", PAGE, re.MULTILINE))
PIXELS = small_pixels()
FILES = encode_all(PIXELS)
PLAIN = {f"{path.split('/')[1]}/{path.replace('/', '-')}": content for path, content in FILES.items()}


def zipped(tmp: Path, make: Callable[[Path, Any], Path], name: str) -> Path:
    root = make(tmp / "made", FILES)
    there = {path.relative_to(tmp / "made").as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    shutil.rmtree(root)
    return write_zip(tmp / name, there)


def ones(tmp: Path) -> None:
    write_folder(tmp, flat(FILES))
    rows = [
        [f"{s}/{name}", *("1" if each == label else "0" for each in CLASSES)] for s, label, name in map(parts, FILES)
    ]
    (tmp / "ones.csv").write_text("\n".join(",".join(row) for row in [["filename", *CLASSES], *rows]))


def one_parquet(tmp: Path) -> None:
    dataset(FILES).to_parquet(str(tmp / "photos.parquet"))


def members() -> dict[str, bytes]:
    pairs = enumerate(FILES.items())
    return {
        name: content
        for number, (path, image) in pairs
        for name, content in ((f"{number:03d}.png", image), (f"{number:03d}.cls", path.split("/")[1].encode()))
    }


def shards(tmp: Path) -> None:
    (tmp / "shards").mkdir()
    names = sorted(members())
    for number in range(3):
        write_tar(tmp / "shards" / f"train-{number:04d}.tar", {n: members()[n] for n in names[12 * number :][:12]})


MADE: dict[str, Callable[[Path], object]] = {
    "photos": lambda tmp: write_folder(tmp / "photos", FILES),
    "photos.zip": lambda tmp: write_zip(tmp / "photos.zip", FILES),
    "labels.csv": lambda tmp: write_csv(tmp / "labels.csv", FILES),
    "ones.csv": ones,
    "arrays.npz": lambda tmp: write_npz(tmp / "arrays.npz", PIXELS),
    "imagefolder": lambda tmp: write_metadata_jsonl(tmp / "imagefolder", FILES),
    "photos.parquet": one_parquet,
    "clone": lambda tmp: write_parquet(tmp / "clone", FILES),
    "photos.tar": lambda tmp: write_tar(tmp / "photos.tar", members()),
    "shards": shards,
    "roboflow": lambda tmp: write_roboflow(tmp / "roboflow", FILES),
    "coco": lambda tmp: write_coco(tmp / "coco", FILES),
    "label-studio": lambda tmp: write_label_studio(tmp / "label-studio", FILES),
    "label-studio-min.zip": lambda tmp: zipped(tmp, write_label_studio_min, "label-studio-min.zip"),
    "label-studio-csv": lambda tmp: write_label_studio_csv(tmp / "label-studio-csv", FILES),
    "cvat": lambda tmp: write_cvat(tmp / "cvat", FILES),
    "cvat-imagenet.zip": lambda tmp: write_zip(tmp / "cvat-imagenet.zip", PLAIN | {"synsets.txt": b"bird\ncat\ndog\n"}),
}
COMMANDS = [each for each in ROWS if each.startswith("sadari data")]
CALLS = [each for each in ROWS if each.startswith("sadari.load")]


def test_every_row_is_a_command_or_a_call() -> None:
    assert len(COMMANDS) + len(CALLS) == len(ROWS)
    assert len(COMMANDS) >= 22 and len(CALLS) >= 9


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_typed_is_understood(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(command)[1:]
    data = words[2]
    needs_library = data.startswith("hf:") or "parquet" in data or data == "clone"
    if needs_library:
        pytest.importorskip("datasets", reason="needs the extra datasets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    if data.startswith("hf://uoft"):  # there is no network in a test: what the library would give is given
        two = {
            split: part.add_column("fine_label", part["label"]).cast_column("fine_label", part.features["label"])
            for split, part in dataset_dict(FILES).items()
        }
        given = two if "fine_label" in data else dataset_dict(FILES)
        label = "fine_label" if "fine_label" in data else ""
        monkeypatch.setattr(hub, "_streamed", lambda *_: hugging_face.read(given, label=label))
    else:
        made = data.removeprefix("hf:///data/").split("/")[0]
        MADE[made](tmp_path)
        data = data.replace("hf:///data", f"hf://{tmp_path}")
    terminal = Terminal(monkeypatch, capsys)
    shown = terminal("data", "info", data, "--json")
    assert shown.status == 0, shown.err
    document = shown.document
    assert document["classes"] == list(CLASSES)
    assert document["images"] in (len(FILES), 12)
    assert terminal(*words[:2], data, "--out", tmp_path / "samples.png").status == 0


@pytest.mark.parametrize("call", CALLS)
def test_what_is_called_is_understood(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path))
    names: dict[str, Any] = {"sadari": sadari}
    names["X"], names["y"] = arrays(PIXELS, "train")
    names["X_test"], names["y_test"] = arrays(PIXELS, "test")
    names["tensor"] = names["X"].transpose(0, 3, 1, 2)
    names["pictures"] = [Image.fromarray(image) for image in names["X"]]
    torchvision = pytest.importorskip("torchvision.datasets")
    root = write_folder(tmp_path / "photos", FILES)
    names["train_set"], names["test_set"] = (torchvision.ImageFolder(str(root / each)) for each in ("train", "test"))
    if "dataset" in call or "stream" in call:
        pytest.importorskip("datasets", reason="needs the extra datasets")
        part = dataset(FILES)
        both = part.add_column("fine", part["label"]).cast_column("fine", part.features["label"])
        names["dataset"] = both if "fine" in call else part
        names["stream"] = part.to_iterable_dataset()
    images = eval(call, names)
    assert images.classes == CLASSES
    assert len(images) in (12, len(FILES))


def test_the_measured_table_is_that_of_its_program() -> None:
    stored = json.loads((PROJECT / "benchmarks" / "quality" / "dresses.json").read_text(encoding="utf-8"))
    shown = re.findall(r"^\| ([^|]+) \| ([\d,]+) \| `(\w+)` \| (\w+) \|$", PAGE, re.MULTILINE)
    assert [list(row) for row in shown] == [
        [each["form"], f"{each['images']:,}", each["fingerprint"][:12], "yes" if each["same_images"] else "no"]
        for each in stored["forms"]
    ]
    assert all(each["same_images"] for each in stored["forms"])
