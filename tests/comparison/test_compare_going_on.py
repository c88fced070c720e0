"""Which folder does a comparison take, and when does it go on in one?"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.request import Comparison
from sadari.comparison.variants import folder_name
from sadari.errors import SadariError, UsageError
from support.comparing import request, run
from support.fake_training import FakeTrainer
from support.jobs import Listener, named_arm, named_arms


def test_the_same_request_runs_nothing_again(tmp_path: Path) -> None:
    first = run(request(), tmp_path, FakeTrainer())
    again = FakeTrainer()
    second = run(request(), tmp_path, again)
    assert again.calls == []
    assert second.out == first.out
    assert second.document() == first.document()


def test_an_interrupted_comparison_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(request(), tmp_path, FakeTrainer(fails={"mlp": KeyboardInterrupt()}))
    again = FakeTrainer()
    result = run(request(), tmp_path, again)
    assert [job.model.name for job in again.calls] == ["mlp", "mlp"]
    assert result.out.name == "digits-compare-1"
    assert {arm.status for arm in result.arms} == {"done"}


def test_another_request_gets_the_next_folder_where_the_name_looks_like_a_pattern(
    tmp_path: Path,
) -> None:
    data = tmp_path / "photos [1].npz"
    np.savez(data, X=np.arange(40, dtype=np.uint8).reshape(40, 1, 1), y=np.arange(40) % 2)
    first, second = (replace(request("softmax", epochs=epochs), data=str(data)) for epochs in ("1", "2"))
    names = [run(asked, tmp_path, FakeTrainer()).out.name for asked in (first, second, first)]
    assert names == [f"photos [1]-compare-{number}" for number in (1, 2, 1)]


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SadariError, match=r"cannot write to '.*file/out': Not a directory; choose another --out"):
        run(request(), tmp_path, FakeTrainer(), tmp_path / "file" / "out")


def test_another_request_gets_the_next_folder(tmp_path: Path) -> None:
    names = [
        run(asked, tmp_path, FakeTrainer()).out.name
        for asked in (request(), request(epochs="2"), request(seeds=3), request("mlp"), request(seeds=1))
    ]
    assert names == [f"digits-compare-{number}" for number in (1, 2, 1, 3, 4)]  # three seeds go on with two


def test_a_given_folder_takes_the_same_request_or_more(tmp_path: Path) -> None:
    out = tmp_path / "mine"
    run(request("softmax", seeds=1), tmp_path, FakeTrainer(), out)
    more = FakeTrainer()
    result = run(request("softmax", "mlp", seeds=2), tmp_path, more, out)
    assert [(job.model.name, job.seed) for job in more.calls] == [("softmax", 1), ("mlp", 0), ("mlp", 1)]
    assert len(result.arms) == 2
    for other in (request("mlp"), request("softmax", "mlp", seeds=2, epochs="3"), request("softmax", "mlp", seeds=1)):
        with pytest.raises(UsageError, match="holds a comparison of other"):
            run(other, tmp_path, FakeTrainer(), out)


def test_images_that_changed_since_are_named(tmp_path: Path) -> None:
    data, out = tmp_path / "photos.npz", tmp_path / "mine"
    asked = replace(request("softmax"), data=str(data))
    for pixels in (np.arange(40), np.arange(40) + 1):
        np.savez(data, X=pixels.astype(np.uint8).reshape(40, 1, 1), y=np.arange(40) % 2)
        if not out.exists():
            run(asked, tmp_path, FakeTrainer(), out)
    with pytest.raises(UsageError, match=r"have changed since '.*mine' compared models on them"):
        run(asked, tmp_path, FakeTrainer(), out)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("dear")
    with pytest.raises(UsageError, match="not empty and holds no comparison"):
        run(request(), tmp_path, FakeTrainer(), tmp_path / "letters")
    with pytest.raises(UsageError, match="is a file"):
        run(request(), tmp_path, FakeTrainer(), tmp_path / "letters" / "dear.txt")
    with pytest.raises(SadariError, match="File name too long; choose another --out"):
        run(request(), tmp_path, FakeTrainer(), tmp_path / ("a" * 300))
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["dear.txt"]


def test_a_damaged_request_does_not_stop_a_new_comparison(tmp_path: Path) -> None:
    first = run(request(), tmp_path, FakeTrainer())
    (first.out / "comparison.toml").write_text("data = ")
    assert run(request(), tmp_path, FakeTrainer()).out.name == "digits-compare-2"


def test_changed_images_are_another_comparison(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    path = tmp_path / "set.npz"

    def write() -> None:
        images = generator.integers(0, 256, size=(60, 6, 6), dtype=np.uint8)
        np.savez(path, X=images, y=np.arange(60) % 3)

    write()
    asked = Comparison(str(path), (named_arm("mlp", "mlp"),), (0,))
    first = run(asked, tmp_path, FakeTrainer())
    assert run(asked, tmp_path, FakeTrainer()).out == first.out
    write()
    assert run(asked, tmp_path, FakeTrainer()).out.name == "set-compare-2"


def test_a_changed_network_file_is_another_comparison(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('layers = "flatten, dense 8"')

    class Named(FakeTrainer):
        pass

    trainer = Named()
    trainer.fails = {"mine": SadariError("not now")}

    def asked() -> Comparison:
        return Comparison("digits", named_arms([str(path)], {}, {})[0], (0,))

    first = asked()
    assert [arm.name for arm in first.arms] == ["mine"]
    assert run(first, tmp_path, trainer).out.name == "digits-compare-1"
    path.write_text('layers = "flatten, dense 9"')
    assert run(first, tmp_path, trainer).out.name == "digits-compare-1", "a request holds the layers that it began with"
    assert run(asked(), tmp_path, trainer).out.name == "digits-compare-2"


@pytest.mark.parametrize("name", ["가" * 90, "a" * 300, "가나" * 60 + "x", "é" * 200])
def test_a_name_that_is_too_long_for_a_disk_is_cut_with_a_digest(tmp_path: Path, name: str) -> None:
    folder = folder_name(name, 12)
    assert len(f".confusion-{folder}.svg.12345678.part".encode()) <= 255
    assert folder.endswith("-seed12") and folder != folder_name(f"{name}y", 12)
    (tmp_path / folder).mkdir()
    kept = "가" * 70
    assert folder_name(kept, 0) == f"{kept}-seed0"
    arms = (named_arm(name, "mlp"), named_arm(kept, "softmax"), named_arm(f"{name}y", "softmax"))
    heard = Listener()
    asked = Comparison("digits", arms, (0,))
    compare(asked, out=tmp_path / "out", executor=SerialExecutor(FakeTrainer()), progress=heard)
    said = [each for each in heard.said if "too long for a folder" in each]
    assert len(said) == 2 and name in said[0] and folder_name(name, 0) in said[0]
    assert (tmp_path / "out" / folder_name(name, 0)).is_dir()


def test_more_seeds_without_out_go_on_with_the_comparison_that_is_there(tmp_path: Path) -> None:
    trainer, heard = FakeTrainer(), Listener()
    first = run(request(seeds=2), tmp_path, trainer)
    other = run(request("softmax", seeds=2), tmp_path, trainer)
    assert other.out != first.out
    trainer.calls.clear()
    more = compare(request(seeds=3), runs=tmp_path / "runs", executor=SerialExecutor(trainer), progress=heard)
    assert more.out == first.out and [job.seed for job in trainer.calls] == [2, 2]
    assert f"{first.out} goes on: seeds 0, 1 are there" in heard.said
    fewer = run(request(seeds=1), tmp_path, trainer)
    assert fewer.out not in (first.out, other.out)
    again = run(request(seeds=2), tmp_path, trainer)
    assert again.out == fewer.out and not [each for each in heard.said if "goes on" in each][1:]
