"""Does training on a streamed set give the same bytes as on a packed one, interrupted or not?"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from sadari.data.packs.prefetch import Pixels, Positions, Prefetcher
from sadari.data.packs.stream import StreamedImages
from sadari.errors import SadariError
from sadari.job_record import JobRecord
from sadari.run import RunRecord
from sadari.run_files import read_predictions
from sadari.settings import Settings, Value, with_overrides
from sadari.training.train import resume, train
from support.interruptions import at_step, ctrl_c
from support.jobs import DROPPED, NORMED, figures, job_for, model_bytes, network_file
from support.sets import encode, write_folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    generator = np.random.default_rng(3)
    return write_folder(
        tmp_path / "photos",
        {
            f"{name}/{number:03d}.png": encode(
                np.clip(generator.normal(level, 40, (24, 30, 3)), 0, 255).astype(np.uint8)
            )
            for name, level in (("dark", 90), ("light", 150))
            for number in range(45)
        },
    )


def trained(photos: Path, out: Path, layers: str, stream: str, **overrides: Value) -> RunRecord:
    model = network_file(out.parent, layers)
    chosen: dict[str, Value] = {"image_size": 12, "stream": stream, **overrides}
    return train(job_for(model, str(photos), 0, **chosen), out)


def require_same_run(one: RunRecord, other: RunRecord) -> None:
    assert model_bytes(one) == model_bytes(other)
    assert figures(one) == figures(other)
    assert one.summary["scores"] == other.summary["scores"]
    assert (one.path / "predictions.csv").read_bytes() == (other.path / "predictions.csv").read_bytes()
    np.testing.assert_array_equal(read_predictions(one.path / "predictions.csv").ids, other.predictions.ids)


@pytest.mark.parametrize(
    ("layers", "overrides"),
    [
        (DROPPED, {"augment": "flip, shift 0.2, mixup 0.4", "scaling": "channel"}),
        (NORMED, {"tensorboard": "all", "class_weights": "balanced", "scaling": "pixel"}),
    ],
)
def test_a_streamed_run_is_the_packed_one(
    layers: str, overrides: dict[str, Value], tmp_path: Path, photos: Path
) -> None:
    gathered: list[int] = []
    original = StreamedImages.__getitem__

    def counted(self: StreamedImages, which: object) -> object:
        gathered.append(1)
        return original(self, which)

    with patch.object(StreamedImages, "__getitem__", counted):
        packed = trained(photos, tmp_path / "packed", layers, "never", **overrides)
        assert not gathered
        streamed = trained(photos, tmp_path / "streamed", layers, "always", **overrides)
        assert gathered
    require_same_run(packed, streamed)


@pytest.mark.parametrize("model", ["logistic", "majority"])
def test_a_streamed_classical_model_is_the_packed_one(model: str, tmp_path: Path, photos: Path) -> None:
    runs = [
        train(job_for(model, str(photos), image_size=12, stream=stream), tmp_path / stream)
        for stream in ("never", "always")
    ]
    require_same_run(*runs)


@pytest.mark.parametrize("moments", [[(0, 2)], [(0, 1), (1, 0), (2, 3)]])
def test_an_interrupted_streamed_run_ends_in_the_same_bytes(
    moments: list[tuple[int, int]], tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = trained(photos, tmp_path / "packed", DROPPED, "never")
    out = tmp_path / "streamed"
    for epoch, step in moments:
        with at_step(monkeypatch, epoch, step, ctrl_c), pytest.raises(KeyboardInterrupt):
            trained(photos, out, DROPPED, "always")
    require_same_run(packed, resume(out))


def test_steps_get_images_that_were_decoded_ahead(tmp_path: Path, photos: Path) -> None:
    unexpected: list[int] = []
    original = Prefetcher._take_others

    def counted(self: Prefetcher, positions: Positions, pixels: Pixels) -> None:
        unexpected.append(len(positions))
        original(self, positions, pixels)

    with patch.object(Prefetcher, "_take_others", counted):
        trained(photos, tmp_path / "run", DROPPED, "always")
    assert max(unexpected, default=0) <= 1  # one image shows which layers are frozen


def test_a_file_that_changes_ends_the_run_in_one_sentence_that_keeps_it(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = trained(photos, tmp_path / "packed", DROPPED, "never")
    path = sorted(photos.rglob("*.png"))[7]
    content = path.read_bytes()
    out = tmp_path / "streamed"
    with (
        at_step(monkeypatch, 1, 0, lambda: path.write_bytes(encode(np.zeros((9, 9, 3), dtype=np.uint8)))),
        pytest.raises(SadariError, match=f"{path.name} of .* has changed while it was in use"),
    ):
        trained(photos, out, DROPPED, "always", checkpoint_seconds=0.0)
    with pytest.raises(SadariError, match="have changed since"):
        resume(out)
    path.write_bytes(content)
    require_same_run(packed, resume(out))


def test_a_job_of_a_time_before_streaming_is_read_as_auto() -> None:
    job = JobRecord("digits", "mlp", 0, with_overrides(Settings(), {"epochs": 3}))
    before = "\n".join(line for line in job.to_toml().splitlines() if not line.startswith("stream"))
    assert before != job.to_toml().rstrip("\n")
    assert JobRecord.from_toml(before) == job
    assert job.settings.stream == "auto"


INTERRUPTED = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # the process that runs the tests may ignore it
from sadari.data.decode import Frame
from sadari.data.load import load
from sadari.settings import Settings
images = load(sys.argv[1], Settings(image_size=12, stream="always", threads=1))
decode = Frame.decode
def slow(*given):
    time.sleep(0.1)
    return decode(*given)
Frame.decode = slow
try:
    images.images.prefetch(images.labels * 0 + range(len(images)))
    images.images[:1]
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_does_not_wait_for_what_was_to_be_decoded_ahead(photos: Path) -> None:
    """90 images take 9 s."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"def main():\n{_indented(INTERRUPTED)}\nmain()", str(photos)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    started = time.perf_counter()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    process.stdout.close()
    assert time.perf_counter() - started < 4


def _indented(code: str) -> str:
    return "\n".join(f"    {line}" for line in code.strip().splitlines())
