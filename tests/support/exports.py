"""One small set of images in the forms that annotation tools export, for the tests of `data`."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.sax.saxutils import quoteattr

from support.sets import write_folder

Files = Mapping[str, bytes]  # `split/class/name` to the bytes of an image
SPLIT_NAMES = {"train": "train", "val": "valid", "test": "test"}


def parts(path: str) -> tuple[str, str, str]:
    """Return split, class and a name that is unique without them."""
    split, label, name = path.split("/")
    return split, label, f"{label}-{name}"


def flat(files: Files) -> dict[str, bytes]:
    """Put the images of each split into one folder, without class folders."""
    return {f"{split}/{name}": content for path, content in files.items() for split, _, name in [parts(path)]}


def classes(files: Files) -> list[str]:
    return sorted({parts(path)[1] for path in files})


def write_metadata_csv(root: Path, files: Files) -> Path:
    """Write a metadata.csv in the folder of each split."""
    write_folder(root, flat(files))
    for split in {parts(path)[0] for path in files}:
        with (root / split / "metadata.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("file_name", "label", "caption"))
            rows.writerows((name, label, "x") for s, label, name in map(parts, files) if s == split)
    return root


def write_metadata_jsonl(root: Path, files: Files) -> Path:
    """Write one metadata.jsonl at the top."""
    write_folder(root, flat(files))
    rows = [{"file_name": f"{split}/{name}", "label": label} for split, label, name in map(parts, files)]
    (root / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


def write_roboflow(root: Path, files: Files) -> Path:
    """Write a _classes.csv of ones and zeros in the folder of each split, as Roboflow does."""
    write_folder(root, flat(files))
    names = classes(files)
    for split in {parts(path)[0] for path in files}:
        lines = [f"filename, {', '.join(names)}"]
        for s, label, name in map(parts, files):
            if s == split:
                lines.append(", ".join([name, *("1" if each == label else "0" for each in names)]))
        (root / split / "_classes.csv").write_text("\n".join(lines) + "\n")
    (root / "README.roboflow.txt").write_text("x")
    return root


def coco_document(files: Files, split: str, extra: Mapping[str, str] | None = None) -> dict[str, object]:
    """Return COCO's document of a split, each image with two objects; extra: a further class of some names."""
    names = classes(files)
    mine = [(name, label) for s, label, name in map(parts, files) if s == split]
    annotations = [
        {"id": 2 * at + twice, "image_id": at, "category_id": names.index(label) + 1, "bbox": [0, 0, 1, 1]}
        for at, (_, label) in enumerate(mine)
        for twice in (0, 1)
    ]
    for at, (name, _) in enumerate(mine):
        if extra and name in extra:
            annotations.append({"id": 10**6 + at, "image_id": at, "category_id": names.index(extra[name]) + 1})
    categories = [{"id": 0, "name": "things", "supercategory": "none"}]
    categories += [{"id": at + 1, "name": name, "supercategory": "things"} for at, name in enumerate(names)]
    images = [{"id": at, "file_name": name, "width": 8, "height": 8} for at, (name, _) in enumerate(mine)]
    return {"info": {}, "licenses": [], "images": images, "annotations": annotations, "categories": categories}


def write_coco(root: Path, files: Files) -> Path:
    """Write annotations/instances_SPLIT.json beside the folders of images."""
    write_folder(root, flat(files))
    (root / "annotations").mkdir()
    for split in {parts(path)[0] for path in files}:
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(coco_document(files, split)))
    return root


def write_roboflow_coco(root: Path, files: Files) -> Path:
    """Write an _annotations.coco.json in the folder of each split."""
    write_folder(root, flat(files))
    for split in {parts(path)[0] for path in files}:
        (root / split / "_annotations.coco.json").write_text(json.dumps(coco_document(files, split)))
    return root


def label_studio_tasks(files: Files) -> list[dict[str, object]]:
    """Return the tasks of an export in full, with uploaded images and one annotation that was skipped."""
    tasks: list[dict[str, object]] = []
    for at, (split, label, name) in enumerate(map(parts, files)):
        result = [{"value": {"choices": [label]}, "from_name": "choice", "to_name": "image", "type": "choices"}]
        done = {"id": at, "result": result, "was_cancelled": False}
        tasks.append(
            {
                "id": at,
                "annotations": [done, {"id": -at, "result": [], "was_cancelled": True}],
                "data": {"image": f"/data/local-files/?d=photos/{split}/{name}"},
                "predictions": [],
            }
        )
    return tasks


def write_label_studio(root: Path, files: Files) -> Path:
    write_folder(root, flat(files))
    (root / "project-1-at-2026-11-30.json").write_text(json.dumps(label_studio_tasks(files)))
    return root


def label_studio_rows(files: Files) -> list[dict[str, object]]:
    """Return the rows of JSON-MIN and CSV."""
    return [
        {
            "image": f"/data/upload/7/{at:08x}-{name}", "id": at, "animal": label, "annotator": 1, "annotation_id": at,
            "created_at": "2026-11-30T01:00:00Z", "updated_at": "2026-11-30T01:00:00Z", "lead_time": 1.5,
        }
        for at, (_, label, name) in enumerate((parts(path)[0], parts(path)[1], unique(path)) for path in files)
    ]  # fmt: skip


def unique(path: str) -> str:
    """Return a name that is unique over all splits, as uploads need."""
    return f"{parts(path)[0]}-{parts(path)[2]}"


def write_label_studio_min(root: Path, files: Files) -> Path:
    write_folder(root, {f"{parts(path)[0]}/{unique(path)}": content for path, content in files.items()})
    (root / "export.json").write_text(json.dumps(label_studio_rows(files)))
    return root


def write_label_studio_csv(root: Path, files: Files) -> Path:
    """Write the export as CSV; the images have the names that Label Studio gave them."""
    rows = label_studio_rows(files)
    named = {
        f"{parts(path)[0]}/{str(row['image']).rpartition('/')[2]}": content
        for row, (path, content) in zip(rows, files.items(), strict=True)
    }
    write_folder(root, named)
    with (root / "export.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return root


def cvat_document(files: Files, more: str = "") -> str:
    """Return the XML of "CVAT for images" with a tag for each image and a box beside it."""
    images = "".join(
        f'<image id="{at}" name={quoteattr(f"{split}/{name}")} subset="{split}" width="8" height="8">'
        f'<tag label={quoteattr(label)} source="manual"></tag>{more}'
        '<box label="thing" xtl="0" ytl="0" xbr="1" ybr="1"></box></image>'
        for at, (split, label, name) in enumerate(map(parts, files))
    )
    return f'<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta/>{images}</annotations>'


def write_cvat(root: Path, files: Files) -> Path:
    """Write annotations.xml and the images in images/."""
    write_folder(root, {f"images/{path}": content for path, content in flat(files).items()})
    (root / "annotations.xml").write_text(cvat_document(files))
    return root


EXPORTS: dict[str, Callable[[Path, Files], Path]] = {
    "metadata.csv": write_metadata_csv,
    "metadata.jsonl": write_metadata_jsonl,
    "Roboflow": write_roboflow,
    "COCO": write_coco,
    "COCO of Roboflow": write_roboflow_coco,
    "Label Studio": write_label_studio,
    "Label Studio, JSON-MIN": write_label_studio_min,
    "Label Studio, CSV": write_label_studio_csv,
    "CVAT for images": write_cvat,
}
