"""Is a batch that several devices share the same step as on one device, and is every image read by one of them?"""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from sadari.data.augment.pipeline import parse_augmentation
from sadari.errors import SadariError, UsageError
from sadari.inference.predict import Inputs
from sadari.settings import Settings, steps_per_epoch
from sadari.training.batches import Batches
from sadari.training.devices import group as joining
from sadari.training.devices.check import device_of, require_devices, require_enough_images, threads_of_each
from sadari.training.devices.group import joined
from sadari.training.devices.share import ALL, Share
from sadari.training.devices.team import DeviceTeam, Team
from sadari.training.loss import CrossEntropy
from sadari.training.train import train
from support.devices import CASES, gradients_of, started
from support.engines import CPU
from support.jobs import PLAIN, Listener, job_for, network_file, parts, patterns

Gradients = dict[str, dict[str, Tensor]]


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("total", [0, 1, 7, 16, 17])
def test_shares_are_disjoint_and_complete(total: int, count: int) -> None:
    shares = [Share(rank, count).of(total) for rank in range(count)]
    assert [each for share in shares for each in range(total)[share]] == list(range(total))
    sizes = Share(0, count).sizes(total)
    assert sizes == [len(range(total)[share]) for share in shares]
    assert max(sizes) - min(sizes) <= 1
    assert range(total)[ALL.of(total)] == range(total)


@pytest.mark.parametrize(
    ("images", "size", "devices", "steps"),
    [(49, 16, 1, 3), (49, 16, 2, 3), (50, 16, 2, 4), (50, 16, 3, 3), (51, 16, 3, 4), (2, 16, 2, 1), (16, 16, 4, 1)],
)
def test_fewer_images_than_devices_join_the_batch_before(images: int, size: int, devices: int, steps: int) -> None:
    assert steps_per_epoch(images, size, devices) == steps
    assert Settings(batch_size=size, devices=devices, least_steps=4 * steps).epochs_for(images) == 10


class _Read:
    """Rows that remember which of them were announced and read."""

    def __init__(self, rows: NDArray[np.uint8]) -> None:
        self._rows = rows
        self.shape, self.dtype, self.ndim = rows.shape, rows.dtype, rows.ndim
        self.announced: list[int] = []
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(self._rows)

    def prefetch(self, order: NDArray[np.int64]) -> None:
        self.announced += order.tolist()

    def __getitem__(self, which: NDArray[np.int64]) -> NDArray[np.uint8]:
        self.read += which.tolist()
        return self._rows[which]

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return iter(self._rows)

    def __array__(self, dtype: None = None, /, *, copy: bool | None = None) -> NDArray[np.uint8]:
        return self._rows


def _batches(share: Share, augment: str = "") -> tuple[Batches, _Read]:
    images, size = patterns(), 16
    rows = _Read(np.asarray(images.images))
    inputs = Inputs(rows, lambda pixels: pixels)
    loss, augmentation = CrossEntropy(3), parse_augmentation(augment, 8, 8)
    return Batches(inputs, images, parts(images).train, size, 3, CPU, loss, augmentation, share=share), rows


@pytest.mark.parametrize("augment", ["", "flip, shift 0.2"])
@pytest.mark.parametrize("count", [2, 3])
def test_no_image_is_read_by_two_devices_and_none_is_left_out(count: int, augment: str) -> None:
    alone, _ = _batches(ALL, augment)
    teams = [_batches(Share(rank, count), augment) for rank in range(count)]
    for epoch in range(2):
        read: list[int] = []
        for batches, rows in teams:
            rows.read, rows.announced = [], []
            for step in range(batches.steps_per_epoch):
                batch = batches.batch(epoch, step)
                assert len(batch.x) == len(batch.labels) == len(batch.targets) >= 1
            assert rows.read == rows.announced  # in the order in which they are decoded ahead
            read += rows.read
        assert sorted(read) == sorted(parts(patterns()).train.tolist())
    if count == 2:  # with three, two images that are left over join the batch before
        for step in range(alone.steps_per_epoch):
            shares = [batches.batch(5, step) for batches, _ in teams]
            whole = alone.batch(5, step)
            assert alone.images_in(step) == teams[0][0].images_in(step) == len(whole.x)
            assert torch.equal(torch.cat([each.x for each in shares]), whole.x)
            assert torch.equal(torch.cat([each.labels for each in shares]), whole.labels)


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> Gradients:
    """The gradients that each of two processes has in the end."""
    meeting = tmp_path_factory.mktemp("two") / "meeting"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    other = started(meeting, 1, 2)
    try:
        with joined(Share(0, 2), CPU, meeting) as team:
            return {case: gradients_of(case, meeting.parent, team) for case in CASES}
    finally:
        torch.set_num_threads(threads)
        _, errors = other.communicate(timeout=60)
        assert (other.returncode, errors) == (0, "")


@pytest.mark.parametrize("case", CASES)
def test_two_devices_have_the_gradients_of_one(case: str, of_two: Gradients, tmp_path: Path) -> None:
    alone = gradients_of(case, tmp_path, Team())
    assert of_two[case].keys() == alone.keys()
    for name, expected in alone.items():
        largest = max(1.0, float(expected.abs().max()))  # two normalised images have gradients of 5
        assert (of_two[case][name] - expected).abs().max() <= 1e-5 * largest, name
    assert max(float(each.abs().max()) for each in alone.values()) > 1e-2  # there is something to compare


def test_one_device_is_a_team_that_does_nothing() -> None:
    team, values, rows = Team(), np.array([1.5, 2.0]), torch.ones(2, 3)
    layer = torch.nn.Linear(2, 2)
    assert team.shared(layer) is layer
    assert (team.agreed(True), team.agreed(False), team.of_first(0.3)) == (True, False, 0.3)
    assert team.summed(values) is values
    assert team.gathered(rows, 2, 3) is rows
    team.require_one(4)
    team.require_gradients(layer)


def test_several_devices_end_with_a_sentence_where_one_alone_would_find_a_way() -> None:
    group: Any = None
    team, layer = DeviceTeam(Share(0, 2), group, group), torch.nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    with pytest.raises(SadariError, match="the 8 images of a batch that one of 2 devices has"):
        team.require_one(8)
    with pytest.raises(SadariError, match="this one does not use 'weight'; train with devices=1"):
        team.require_gradients(layer)
    layer.weight.grad = torch.zeros(2, 2)
    team.require_gradients(layer)


def test_wishes_that_cannot_be_fulfilled_are_one_sentence() -> None:
    with pytest.raises(UsageError, match=r"devices=4 share each batch, and batch_size=3 has fewer images"):
        Settings(devices=4, batch_size=3)
    with pytest.raises(UsageError, match="devices is a number from 1"):
        Settings(devices=0)
    for device, sentence in (
        ("cuda:1", "devices=2 cannot be cuda:1 alone; set device=cuda"),
        ("mps", "devices=2 cannot be mps alone; set device=cpu"),
    ):
        with pytest.raises(UsageError, match=sentence):
            require_devices(job_for("mlp", devices=2, device=device))
    if torch.cuda.device_count() < 9:
        with pytest.raises(UsageError, match="devices=9 but torch sees"):
            require_devices(job_for("mlp", devices=9, device="cuda"))
    with pytest.raises(SadariError, match="devices=3 share each batch, and there are 2 training images"):
        require_enough_images(job_for("mlp", devices=3), 2)
    require_devices(job_for("mlp", devices=2))
    require_devices(job_for("logistic", devices=2, device="mps"))  # which computes on one


def test_each_process_has_a_device_and_its_part_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sadari.training.devices.check.cores", lambda: 8)
    assert [device_of(Settings(device="cuda"), rank) for rank in (0, 3)] == ["cuda:0", "cuda:3"]
    assert device_of(Settings(device="cpu"), 1) == "cpu"
    assert threads_of_each(8, job_for("mlp", devices=2)) == 4
    assert threads_of_each(8, job_for("mlp", devices=3)) == 2
    assert threads_of_each(1, job_for("mlp", devices=2)) == 1
    assert threads_of_each(8, job_for("mlp", devices=16)) == 1
    assert threads_of_each(8, job_for("mlp")) == threads_of_each(8, job_for("logistic", devices=2)) == 8


def test_a_model_without_gradient_steps_says_that_devices_have_no_effect(tmp_path: Path) -> None:
    images, heard = patterns(), Listener()
    run = train(job_for("logistic", devices=2), tmp_path / "run", images=images, split=parts(images), progress=heard)
    assert run.finished
    assert "logistic is not fitted by gradient steps: batch_size, devices have no effect" in heard.said


def test_a_run_goes_on_with_as_many_devices_as_it_began_with(tmp_path: Path) -> None:
    images, model = patterns(), network_file(tmp_path, PLAIN)
    train(job_for(model), tmp_path / "run", images=images, split=parts(images))
    with pytest.raises(UsageError, match="began with devices=1, and devices=2 would add up in another order"):
        train(job_for(model, devices=2), tmp_path / "run", images=images)
    with pytest.raises(UsageError, match="holds a run with other settings"):
        train(job_for(model, devices=2, epochs=4), tmp_path / "run", images=images)


def test_a_process_that_has_a_group_already_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    images = patterns()
    with pytest.raises(UsageError, match=r"is in a group of torch\.distributed already"):
        train(job_for("mlp", devices=2), tmp_path / "run", images=images, split=parts(images))


def test_who_ends_while_all_join_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "import os, sys, torch; from pathlib import Path; from sadari.training.devices import group\n"
        "from sadari.training.devices.share import Share\n"
        "group._patient_group = lambda: os._exit(1)\n"
        "with group.joined(Share(1, 2), torch.device('cpu'), Path(sys.argv[1])): pass"
    )
    monkeypatch.setattr(joining, "JOINING", timedelta(seconds=20))
    meeting = tmp_path / "meeting"
    other = subprocess.Popen([sys.executable, "-c", program, str(meeting)])
    with other, pytest.raises(RuntimeError), joining.joined(Share(0, 2), torch.device("cpu"), meeting):
        pass
