"""What do the parts of training on a cluster do, each by itself, without Ray?"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sadari
from sadari.comparison.cluster.connection import joined, require_address
from sadari.comparison.cluster.demand import Capacity, demand_of, settled
from sadari.comparison.cluster.executor import on_ray
from sadari.comparison.cluster.node import Reporter, refusal, require_plugins
from sadari.comparison.cluster.parcel import Parcel, wrapped
from sadari.comparison.cluster.post import End, Letter, Post, merged
from sadari.comparison.cluster.snapshot import Snapshot, SnapshotReader
from sadari.errors import SadariError, UsageError
from sadari.run import CHECKPOINT, SCORES, SETTINGS
from support.jobs import job_for, patterns

GIB = 2**30
FOUR = Capacity(nodes=2, cores=6, gpus=0, node_cores=4, node_memory=8 * GIB, store=GIB)


def put_files(folder: Path, **content: str) -> None:
    for name, text in content.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_a_snapshot_has_what_changed_and_never_an_unfinished_file(tmp_path: Path) -> None:
    put_files(tmp_path, settings_toml="a", log_txt="one", checkpoint__state_safetensors="1")
    (tmp_path / ".log.txt.0123abcd.part").write_text("half", encoding="utf-8")
    (tmp_path / ".lock.part").touch()
    reader = SnapshotReader(tmp_path)
    assert reader.has_new_checkpoint()
    assert not reader.has_new_checkpoint()
    first = reader.read()
    assert set(first.content) == set(first.names) == {SETTINGS, "log.txt", CHECKPOINT}
    put_files(tmp_path, log_txt="one and two", scores_json="{}")
    second = reader.read()
    assert second.content == {"log.txt": b"one and two"}
    assert SCORES not in second.names, "only a finished run has scores"
    last = reader.read(finished=True)
    assert set(last.content) == {SCORES}
    assert not reader.has_new_checkpoint()
    put_files(tmp_path, checkpoint__state_safetensors="22")
    assert reader.has_new_checkpoint()


def test_settings_are_written_first_and_scores_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    original = Path.replace

    def noted(self: Path, target: Path) -> Path:
        written.append(target.relative_to(tmp_path).as_posix())
        return original(self, target)

    monkeypatch.setattr(Path, "replace", noted)
    content = dict.fromkeys((SCORES, "history.csv", CHECKPOINT, "environment.json", SETTINGS), b"x")
    Snapshot(content, frozenset(content)).write(tmp_path)
    assert written == [SETTINGS, "environment.json", "history.csv", CHECKPOINT, SCORES]


def test_a_finished_run_has_no_checkpoint_and_no_older_events(tmp_path: Path) -> None:
    put_files(tmp_path, checkpoint__state_safetensors="1", settings_toml="a")
    (tmp_path / "events.out.tfevents.1.node").touch()
    Snapshot({"events.out.tfevents.2.node": b"2"}, frozenset({"events.out.tfevents.2.node"})).write(tmp_path)
    assert (tmp_path / CHECKPOINT).is_file()
    assert [each.name for each in tmp_path.glob("events.*")] == ["events.out.tfevents.2.node"]
    Snapshot({SCORES: b"{}"}, frozenset({SCORES})).write(tmp_path)
    assert not (tmp_path / "checkpoint").exists()
    assert (tmp_path / SETTINGS).is_file()


def test_steps_become_one_message() -> None:
    begin = json.dumps({"begin": 0, "label": "epoch 1/2", "total": 9, "unit": "images"})
    steps = [json.dumps({"advance": 0, "count": 3, "note": f"loss {n}"}) for n in range(3)]
    said = json.dumps({"say": "half"})
    assert [json.loads(line) for line in merged([begin, *steps[:2], said, steps[2]])] == [
        json.loads(begin),
        {"advance": 0, "count": 6, "note": "loss 1"},
        json.loads(said),
        {"advance": 0, "count": 3, "note": "loss 2"},
    ]


def test_the_post_keeps_letters_in_order_answers_and_stops() -> None:
    async def exchange() -> None:
        post = Post()
        assert await post.take(0.0) == []
        assert not await post.put(Letter(1, ("a",)))
        asked = asyncio.create_task(post.ask(1, {"epoch": 1.0}))
        await asyncio.sleep(0)
        first, second = await post.take(1.0)
        assert (first.lines, second.row) == (("a",), {"epoch": 1.0})
        await post.answer(1, "it promises little")
        assert await asked == "it promises little"
        await post.answer(1, "too late")
        await post.stop(1)
        assert await post.put(Letter(1))
        assert not await post.put(Letter(2))
        waiting = asyncio.create_task(post.ask(2, {}))
        await asyncio.sleep(0)
        await post.stop()
        assert await waiting == "", "what waits for an answer can stop"
        assert await post.put(Letter(2))

    asyncio.run(exchange())


def test_a_reporter_sends_checkpoints_while_the_run_trains_and_the_rest_at_its_end(tmp_path: Path) -> None:
    letters: list[Letter] = []

    def put(letter: Letter) -> bool:
        letters.append(letter)
        return False

    reporter = Reporter(7, SnapshotReader(tmp_path), put)
    reporter.start()
    reporter.write('{"say": "begun"}\n')
    put_files(tmp_path, settings_toml="a", checkpoint__state_safetensors="1")
    until(lambda: any(each.files for each in letters))
    put_files(tmp_path, scores_json="{}")
    reporter.write('{"say": "over"}\n')
    reporter.close(End())
    assert {each.attempt for each in letters} == {7}
    assert [json.loads(line) for each in letters for line in each.lines] == [{"say": "begun"}, {"say": "over"}]
    sent = [name for each in letters if each.files for name in each.files.content]
    assert sorted(sent) == sorted([SETTINGS, CHECKPOINT, SCORES]), "each file once"
    assert [each.end for each in letters if each.end] == [End()]
    assert letters[-1].end


def test_a_run_that_should_stop_is_stopped_once(tmp_path: Path) -> None:
    stopped: list[bool] = []
    reporter = Reporter(0, SnapshotReader(tmp_path), lambda _: True, lambda: stopped.append(True))
    reporter.start()
    until(lambda: bool(stopped))
    reporter.close(End("stopped"))
    assert stopped == [True]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


def test_capacity_is_that_of_the_nodes_that_work() -> None:
    head = {"Alive": True, "Resources": {"memory": 1.0, "object_store_memory": 1.0}}
    dead = {"Alive": False, "Resources": {"CPU": 64.0}}
    small = {"Alive": True, "Resources": {"CPU": 1.0, "memory": 2.0 * GIB, "object_store_memory": 1.0 * GIB}}
    large = {
        "Alive": True,
        "Resources": {"CPU": 8.0, "GPU": 2.0, "memory": 9.0 * GIB, "object_store_memory": 3.0 * GIB},
    }
    found = Capacity.of([head, dead, small, large])
    assert found == Capacity(nodes=2, cores=9, gpus=2, node_cores=8, node_memory=9 * GIB, store=GIB)
    assert found.sentence == "2 nodes, 9 cores, 2 GPUs"
    assert replace(FOUR, nodes=1, cores=1).sentence == "1 node, 1 core"


@pytest.mark.parametrize(
    ("settings", "threads", "capacity", "cores", "computed", "gpus"),
    [
        ({"threads": 3}, 0, FOUR, 3, 3, 0),
        ({"threads": 8}, 0, FOUR, 4, 8, 0),  # as many threads as are set, else other bytes; and it never waits for ever
        ({"threads": 0}, 1, FOUR, 1, 1, 0),
        ({"threads": 0}, 6, FOUR, 4, 4, 0),
        ({"threads": 0, "device": "auto"}, 0, replace(FOUR, gpus=2), 1, 1, 1),
        ({"threads": 0, "device": "cpu"}, 1, replace(FOUR, gpus=2), 1, 1, 0),
        ({"threads": 0, "devices": 2}, 1, FOUR, 2, 1, 0),  # each of two processes has so many threads
        ({"threads": 0, "devices": 2}, 3, FOUR, 4, 2, 0),
        ({"threads": 1, "devices": 2, "device": "cuda"}, 0, replace(FOUR, gpus=2), 2, 1, 2),
        ({"threads": 2, "devices": 2}, 0, FOUR, 4, 2, 0),
        ({"threads": 0, "devices": 3}, 1, FOUR, 3, 1, 0),
        ({"threads": 0, "devices": 2, "device": "auto"}, 0, replace(FOUR, gpus=2), 2, 1, 2),
    ],
)
def test_a_run_asks_for_its_threads_and_never_for_more_than_a_node_has(
    tmp_path: Path, settings: dict[str, Any], threads: int, capacity: Capacity, cores: int, computed: int, gpus: int
) -> None:
    demand = demand_of(job_for("mlp", **settings), patterns(), tmp_path / "run", threads, capacity)
    assert (demand.cores, demand.threads, demand.gpus) == (cores, computed, gpus)
    assert demand.memory >= 2**29


def test_memory_is_at_most_that_of_a_node(tmp_path: Path) -> None:
    little = replace(FOUR, node_memory=1000)
    assert demand_of(job_for("mlp"), patterns(), tmp_path, 1, little).memory == 1000


def test_without_graphics_processors_this_machine_decides_what_auto_means() -> None:
    job = job_for("mlp", device="auto", precision="auto")
    here = settled(job, FOUR).settings
    assert here.device == "cpu"
    assert here.precision in ("float32", "bfloat16")
    assert settled(job, replace(FOUR, gpus=1)) == job


def test_images_that_fit_are_one_object_and_more_are_pieces() -> None:
    images, settings, put = patterns(), job_for("mlp").settings, list[Any]()

    def noted(value: Any) -> Any:
        put.append(value)
        return value

    whole = wrapped(images, settings, FOUR, noted)
    assert put == [whole]
    assert (whole.images == images.images).all()
    parcel = wrapped(images, settings, replace(FOUR, store=1000), noted)
    assert isinstance(parcel, Parcel)
    assert (np.concatenate(parcel.pieces) == images.images).all()

    class Decoded:
        shape, dtype, ndim = (9, 8, 8, 3), np.dtype(np.uint8), 4

        def __len__(self) -> int:
            return 9

        def prefetch(self, order: Any) -> None: ...

    few = replace(patterns(9), images=Decoded())  # type: ignore[arg-type]
    assert wrapped(few, settings, FOUR, noted) is None


def test_pieces_fill_the_cache_of_a_node_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sadari.comparison.cluster.parcel.PIECE_BYTES", 7 * 8 * 8 * 3)
    groups = np.arange(90, dtype=np.int64) // 2
    images = replace(patterns(), groups=groups, group_names=tuple(f"g{n}" for n in range(45)), notes=("one",))
    parcel = wrapped(images, job_for("mlp").settings, replace(FOUR, store=1000), lambda value: value)
    assert len(parcel.pieces) == 13
    brought: list[int] = []

    def get(piece: Any) -> Any:
        brought.append(len(piece))
        time.sleep(0.01)
        return piece

    with ThreadPoolExecutor(3) as pool:
        found = [each.result() for each in [pool.submit(parcel.unpacked, get) for _ in range(3)]]
    assert sum(brought) == 90, "each piece was brought once"
    for each in found:
        assert isinstance(each.images, np.memmap)
        for field in fields(images):
            assert np.array_equal(getattr(each, field.name), getattr(images, field.name)), field.name


@pytest.mark.parametrize("address", ["head", "head:", ":6379", "head:port", "head:0", "head:70000"])
def test_an_address_that_is_none_is_said_at_once(address: str) -> None:
    with pytest.raises(UsageError, match="--ray is auto or HOST:PORT"):
        require_address(address)


def test_rays_client_is_no_address() -> None:
    with pytest.raises(UsageError, match="on a node of the cluster"):
        require_address("ray://head:10001")


def test_nothing_that_answers_is_one_sentence() -> None:
    with pytest.raises(
        SadariError, match=r"no Ray cluster answers at '127\.0\.0\.1:1' \(.+\); start one with `ray start"
    ):
        require_address("127.0.0.1:1")


def test_a_node_with_another_version_trains_nothing() -> None:
    assert "has Sadari" in refusal("0.0.1")
    assert "and the comparison 0.0.1; install the same version on all nodes" in refusal("0.0.1")


def test_a_node_without_a_plug_in_or_with_another_one_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    record = {"kind": "loss", "name": "odd", "module": "odd_ones", "distribution": "odd", "version": "1.0"}
    record["source_sha256"] = "0"
    with pytest.raises(SadariError, match=r"the node \S+ needs the loss 'odd' of odd 1.0, which is not here; install"):
        require_plugins([record])
    monkeypatch.setattr("sadari.plugins.offers._decorated", {})
    sadari.loss("odd")(lambda logits, _: logits.sum(1))
    with pytest.raises(SadariError, match=r"the node \S+ has other source of the loss 'odd' of odd 1.0; bring"):
        require_plugins([record])
    require_plugins([])


def test_plug_ins_of_a_script_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sadari.comparison.cluster.executor.modules_here", lambda: ["__main__"])
    with pytest.raises(UsageError, match="put them into a module that every node has"), on_ray("auto"):
        pass


def test_without_ray_one_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(SadariError, match=r"training on a Ray cluster needs the package ray.*uv sync --extra ray"),
        joined("auto"),
    ):
        pass


def test_a_search_for_the_best_model_stays_on_this_machine() -> None:
    with pytest.raises(UsageError, match="--models best trains on this machine"):
        sadari.compare("digits", "best", budget="1m", ray="auto")
