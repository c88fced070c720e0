"""Are the files of TensorBoard what TensorBoard itself would write, byte for byte?"""

from pathlib import Path
from typing import Any

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from sadari.errors import SadariError
from sadari.loggers import event_file
from sadari.loggers.event_file import EventFile

NOW = 1_764_460_800.123


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_file, "time", lambda: NOW)


def written_by_tensorboard(path: Path, *events: dict[str, Any]) -> bytes:
    with path.open("wb") as file:
        for each in ({"file_version": "brain.Event:2"}, *events):
            RecordWriter(file).write(Event(wall_time=NOW, **each).SerializeToString())
    return path.read_bytes()


def scalar(tag: str, value: float) -> Summary:
    return Summary(value=[Summary.Value(tag=tag, simple_value=value)])


@pytest.mark.parametrize(
    ("tag", "value", "step"),
    [
        ("loss/train", 0.123456789, 1),
        ("accuracy/val", 0.0, 0),
        ("정확도", -1.5, 127),
        ("x" * 200, 1e39, 128),
        ("loss", -1e39, 300_000),
        ("loss", float("nan"), 2),
        ("loss", float("inf"), 2**40),
    ],
)
def test_a_figure_is_written_as_tensorboard_writes_it(tag: str, value: float, step: int, tmp_path: Path) -> None:
    EventFile(tmp_path / "ours").scalar(tag, value, step)
    theirs = written_by_tensorboard(tmp_path / "theirs", {"step": step, "summary": scalar(tag, value)})
    assert (tmp_path / "ours").read_bytes() == theirs


def test_a_summary_of_theirs_is_written_as_it_is(tmp_path: Path) -> None:
    picture = Summary(value=[Summary.Value(tag="samples", image=Summary.Image(encoded_image_string=b"\x89PNG" * 900))])
    ours = EventFile(tmp_path / "ours")
    ours.append(picture.SerializeToString())
    ours.append(scalar("a", 1.0).SerializeToString(), 5)
    events = ({"summary": picture}, {"summary": scalar("a", 1.0), "step": 5})
    assert (tmp_path / "ours").read_bytes() == written_by_tensorboard(tmp_path / "theirs", *events)


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SadariError, match=r"cannot write .*not-there.*; make room and go on"):
        EventFile(tmp_path / "not-there" / "events")
