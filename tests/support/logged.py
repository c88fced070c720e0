"""What is in each tracker after a run was logged to it? Read back by the tracker's own means, without a network."""

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sadari.loggers.event_file import SCALARS

BLOCK, HEADER = 32_768, 7  # of W&B's file: LevelDB's log format, behind seven bytes of its own


@dataclass
class Seen:
    """A run in a tracker: (step, value) of each metric, its settings, its scores, and the names of its pictures."""

    rows: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    pictures: set[str] = field(default_factory=set)
    group: str = ""

    def add(self, step: int, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                self.rows.setdefault(name, []).append((step, float(value)))
                self.figures[name] = float(value)


def in_mlflow(place: str, run: str, project: str) -> Seen:
    from mlflow import MlflowClient

    client = MlflowClient(place)
    found = client.get_run(run)
    names = [each.path for each in client.list_artifacts(run, "plots")]
    experiment = client.get_experiment_by_name(project)
    assert experiment is not None and experiment.experiment_id == found.info.experiment_id
    return Seen(
        {
            name: [(each.step, each.value) for each in client.get_metric_history(run, name)]
            for name in found.data.metrics
        },
        dict(found.data.params),
        dict(found.data.metrics),
        {name.removesuffix(".png") for name in names},
        found.data.tags.get("mlflow.parentRunId", ""),
    )


def in_tensorboard(place: str, run: str, project: str) -> Seen:  # noqa: ARG001 - a folder has no project
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(run, size_guidance={"images": 0, "scalars": 0})
    events.Reload()
    named = {tag: column for column, tag in SCALARS.items()}
    seen = Seen(group=Path(run).parent.name)
    for tag in events.Tags()["scalars"]:
        for each in events.Scalars(tag):
            seen.add(each.step, {named.get(tag, tag): each.value})
    seen.pictures = set(events.Tags()["images"])
    text = events.Tensors("settings/text_summary")[0].tensor_proto.string_val[0].decode()
    rows = (line.strip("| ").split(" | ") for line in text.splitlines()[2:])
    seen.params = {cells[0]: cells[1] for cells in rows}
    return seen


def in_trackio(place: str, run: str, project: str) -> Seen:
    from trackio.sqlite_storage import SQLiteStorage

    [record] = [each for each in SQLiteStorage.get_run_records(place or project) if each["id"] == run]
    seen = Seen()
    for row in SQLiteStorage.get_logs(place or project, record["name"], run_id=run):
        seen.add(row["step"], row)
        seen.pictures |= {name for name, value in row.items() if "trackio.image" in str(value)}
    config = SQLiteStorage.get_run_config(place or project, record["name"], run_id=run) or {}
    seen.params = {name: str(value) for name, value in config.items()}
    seen.group = str(config.get("_Group") or "")
    return seen


def in_wandb(place: str, run: str, project: str) -> Seen:
    seen = Seen()
    for path in sorted(Path("wandb").glob(f"offline-run-*-{run}/run-{run}.wandb")):
        for record in _wandb_records(path):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                assert record.run.project == (place or project)
                seen.group = record.run.run_group
                seen.params |= {each.key: json.loads(each.value_json) for each in record.run.config.update}
            elif kind == "history":
                values = {each.key or ".".join(each.nested_key): each.value_json for each in record.history.item}
                loaded = {name: json.loads(text) for name, text in values.items()}
                seen.add(int(loaded["_step"]), loaded)
                pictures = (name for name, value in loaded.items() if "image-file" in str(value))
                seen.pictures |= {name.removesuffix("._type") for name in pictures}
            elif kind == "summary":
                for each in record.summary.update:
                    value = json.loads(each.value_json)
                    if isinstance(value, int | float):
                        seen.figures[each.key or ".".join(each.nested_key)] = value
    return seen


def _wandb_records(path: Path) -> Iterator[Any]:
    """Yield the records of a file of W&B; a record may come in several pieces."""
    from wandb.proto import wandb_internal_pb2

    content, at, pieces = path.read_bytes(), HEADER, b""
    while at + HEADER <= len(content):
        if BLOCK - at % BLOCK < HEADER:
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", content[at : at + HEADER])
        pieces += content[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if kind in (1, 4):  # a whole one, or the last piece
            record = wandb_internal_pb2.Record()  # type: ignore[attr-defined]
            record.ParseFromString(pieces)
            yield record
            pieces = b""


READERS: dict[str, Callable[[str, str, str], Seen]] = {
    "mlflow": in_mlflow,
    "wandb": in_wandb,
    "trackio": in_trackio,
    "tensorboard": in_tensorboard,
}
