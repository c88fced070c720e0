"""Does the benchmark on photographs draw, judge and go on as it says? Without any peer, on made-up photographs."""

import csv
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from sadari.errors import SadariError
from sadari.models.catalog import find_model
from sadari.settings import resolve
from support.yardstick import BENCHMARKS, MACHINE, load

cells, sets, scoring, records, running = (
    load(f"photo_race.{name}") for name in ("cells", "sets", "scoring", "record", "running")
)
entrants, environments, weights, proof = (
    load(f"photo_race.{name}") for name in ("entrants", "environments", "weights", "proof")
)
benches, photographs = load("photo_race.bench"), load("photographs")

CLASSES = ("pansy", "rose", "튤립")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder of photographs, 12 of each class to learn from and 3 to judge."""
    for split, count in (("train", 12), ("val", 3)):
        for number, name in enumerate(CLASSES):
            folder = tmp_path / "data" / "flowers" / split / name
            folder.mkdir(parents=True)
            for at in range(count):
                pixels = np.full((4, 4, 3), 40 * number + at, np.uint8)
                Image.fromarray(pixels).save(folder / f"{name}-{split}-{at}.png")
    return tmp_path / "data" / "flowers"


def a_cell(turn: int = 1, size: str = "10", entrant: str = "fastai", point: str = "fine_tune(3)") -> Any:
    return cells.Cell("flowers", size, turn, entrant, point)


def write_csv(path: Path, rows: dict[str, str], column: str = "prediction") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label", column])
        writer.writerows([name, "", said] for name, said in rows.items())
    return path


# What is measured


def test_one_end_point_of_everybody_comes_first() -> None:
    point = cells.Point
    points = {"a": [point("x", {}, early=True), point("y", {})], "b": [point("x", {}, early=True)]}
    found = list(cells.ordered(points, 2))
    assert len(found) == len(set(found)) == 2 * 6 * 3
    assert [each.point for each in found[:20]] == ["x"] * 20  # on every set once, then other draws of few
    assert [each.turn for each in found[:20]] == [1] * 12 + [2] * 8 and found[-1].name == "animals/all/2/a/y"
    assert [each.name for each in found[:3]] == ["flowers/10/1/a/x", "flowers/10/1/b/x", "animals/10/1/a/x"]
    assert [each.size for each in found[:12]] == ["10"] * 4 + ["all"] * 4 + ["50"] * 4
    assert [each.entrant for each in found[12:14]] == ["b", "a"]  # another one comes first


@pytest.mark.parametrize(
    ("only", "count"),
    [("", 36), ("flowers", 18), ("flowers/10/1", 3), ("*/all/*/b", 4), ("*/*/*/a/y, animals/50", 16), ("nobody", 0)],
)
def test_patterns_choose_cells(only: str, count: int) -> None:
    point = cells.Point
    points = {"a": [point("x", {}, early=True), point("y", {})], "b": [point("x", {}, early=True)]}
    assert len(cells.chosen(cells.ordered(points, 2), only)) == count


def test_all_cells_of_the_benchmark_have_names_of_their_own() -> None:
    names = [cell.name for cell in photographs.all_cells(3)]
    assert len(names) == len(set(names)) > 200
    assert all(name.count("/") == 4 and "," not in name for name in names)  # --only separates by commas


# The draw


def test_a_draw_is_the_same_for_everybody_and_part_of_a_larger_one(source: Path) -> None:
    images = sets.images_of(source / "train")
    few, more, other = sets.draw(images, "5", 1), sets.draw(images, "10", 1), sets.draw(images, "5", 2)
    assert few == sets.draw(images, "5", 1) and few != other
    assert all(len(few[name]) == 5 and set(few[name]) < set(more[name]) for name in CLASSES)
    assert sets.draw(images, "all", 1) == images
    with pytest.raises(SadariError, match="pansy has 12 images, and 50"):
        sets.draw(images, "50", 1)


def test_a_set_says_nothing_about_the_classes_of_what_is_judged(source: Path, tmp_path: Path) -> None:
    drawn = sets.write_set(source, a_cell(), tmp_path / "sets")
    assert sorted(path.name for path in (drawn.photos / "train").iterdir()) == sorted(CLASSES)
    assert len(list(drawn.photos.glob("train/*/*.png"))) == 30
    judged = {path.stem: path.read_bytes() for path in drawn.judged.iterdir()}
    tested = {path.stem: (path.parent.name, path.read_bytes()) for path in drawn.photos.glob("test/*/*")}
    assert sorted(judged) == [f"{number:05d}" for number in range(9)]
    assert {name: said for name, (said, _) in tested.items()} == drawn.truth
    assert all(judged[name] == content for name, (_, content) in tested.items())
    assert [drawn.truth[name] for name in sorted(judged)] != sorted(drawn.truth.values())


def test_a_set_is_written_once_and_a_half_written_one_anew(source: Path, tmp_path: Path) -> None:
    first = sets.write_set(source, a_cell(), tmp_path / "sets")
    before = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*.png")}
    assert sets.write_set(source, a_cell(), tmp_path / "sets") == first
    assert {path: path.stat().st_mtime_ns for path in first.folder.rglob("*.png")} == before
    (first.folder / "truth.json").unlink()
    shutil.rmtree(first.photos / "train" / "rose")
    assert sets.write_set(source, a_cell(), tmp_path / "sets") == first
    assert before.keys() == set(first.folder.rglob("*.png"))
    assert sets.write_set(source, a_cell(2), tmp_path / "sets").folder != first.folder
    everything = [sets.write_set(source, a_cell(turn, "all"), tmp_path / "sets").folder for turn in (1, 2)]
    assert everything[0] == everything[1]


@pytest.mark.parametrize("kept", [[], ["pansy"]])
def test_a_folder_that_is_no_set_is_a_sentence(tmp_path: Path, kept: list[str]) -> None:
    for name in kept:
        (tmp_path / "train" / name).mkdir(parents=True)
    with pytest.raises(SadariError, match=r"SADARI_DATA_DIR|no two folders"):
        sets.images_of(tmp_path / "train")


# The scorer


def test_accuracy_is_the_share_that_is_right(tmp_path: Path) -> None:
    truth = {"00000": "rose", "00001": "튤립", "00002": "rose", "00003": "pansy"}
    said = {"test/rose/00000.jpg": "rose", "00001.jpg": "튤립", "00002.png": "pansy", "00003.jpg": "rose"}
    assert scoring.accuracy(write_csv(tmp_path / "a.csv", said), truth) == 0.5


@pytest.mark.parametrize(
    ("said", "column", "sentence"),
    [
        ({"0.jpg": "rose"}, "prediction", "lacks 1 of 2 images and has 0 others"),
        ({"0.jpg": "rose", "1.jpg": "rose", "2.jpg": "rose"}, "prediction", "has 1 others"),
        ({"0.jpg": "rose", "0.png": "rose", "1.jpg": "rose"}, "prediction", "has 0 twice"),
        ({"0.jpg": "rose", "1.jpg": "lily"}, "prediction", "not in the set: lily"),
        ({"0.jpg": "rose", "1.jpg": "rose"}, "said", "no columns id and prediction"),
    ],
)
def test_predictions_that_are_not_whole_are_refused(
    tmp_path: Path, said: dict[str, str], column: str, sentence: str
) -> None:
    with pytest.raises(SadariError, match=sentence):
        scoring.accuracy(write_csv(tmp_path / "a.csv", said, column), {"0": "rose", "1": "pansy"})


def test_what_a_peer_writes_the_scorer_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS / "quality" / "photo_race" / "peers"))
    tasks = load("photo_task")
    tasks.write_predictions(str(tmp_path / "p.csv"), iter([("00001.jpg", "튤립"), ("00000.jpg", "a, b")]))
    assert scoring.accuracy(tmp_path / "p.csv", {"00000": "a, b", "00001": "튤립"}) == 1.0


# The record, and going on


def test_finished_cells_are_not_measured_again_and_failed_ones_are(tmp_path: Path) -> None:
    path, wanted = tmp_path / "photographs.json", [a_cell(turn) for turn in (1, 2, 3)]
    record = records.Record.open(path, MACHINE)
    record.add(wanted[0], {"accuracy": 0.9})
    record.add(wanted[1], {"failed": "no memory"})
    again = records.Record.open(path, MACHINE)
    assert again.missing(wanted) == wanted[1:]
    again.add(wanted[1], {"accuracy": 0.8})
    assert records.Record.open(path, MACHINE).missing(wanted) == wanted[2:]
    assert path.read_text(encoding="utf-8").count('"cell"') == 2
    with pytest.raises(SadariError, match="another machine"):
        records.Record.open(path, {**MACHINE, "cores": 4})


def test_an_interrupted_measurement_keeps_what_it_has(tmp_path: Path) -> None:
    class Interrupted:
        def measure(self, cell: Any) -> dict[str, Any]:
            if cell.turn == 3:
                raise KeyboardInterrupt
            return {"accuracy": 0.5, "seconds": 1.0}

    wanted = [a_cell(turn) for turn in range(1, 5)]
    record = records.Record.open(tmp_path / "p.json", MACHINE)
    lines: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        photographs.measure_all(wanted, Interrupted(), record, lines.append, lambda: None)
    assert records.Record.open(tmp_path / "p.json", MACHINE).missing(wanted) == wanted[2:]
    assert lines[1] == "2/4 flowers/10/2/fastai/fine_tune(3): accuracy 0.5000 after 1.0 s"


# The process


@pytest.fixture
def timed(tmp_path: Path) -> Callable[..., Any]:
    def run(code: str, limit: float = 60) -> Any:
        return running.timed(["sh", "-c", code], {}, tmp_path, tmp_path / "out.csv", tmp_path / "logs" / "a.log", limit)

    return run


def test_seconds_end_where_the_predictions_are_written(timed: Callable[..., Any], tmp_path: Path) -> None:
    timing = timed("echo done; : > out.csv; sleep 0.3")
    assert -0.02 < timing.seconds < timing.process - 0.2  # the clock of files may be some milliseconds behind
    assert (tmp_path / "logs" / "a.log").read_text(encoding="utf-8").strip() == "done"


@pytest.mark.parametrize(
    ("code", "sentence"),
    [("echo no memory >&2; exit 1", "no memory"), ("exit 4", "exit status 4"), ("exit 0", r"wrote no out\.csv")],
)
def test_a_process_that_fails_is_a_sentence(timed: Callable[..., Any], code: str, sentence: str) -> None:
    with pytest.raises(running.FailedError, match=sentence):
        timed(code)


def test_a_process_that_takes_too_long_leaves_no_children(timed: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(running.FailedError, match=r"took more than 0\.2 seconds"):
        timed("(sleep 0.5; : > late) & wait", 0.2)
    time.sleep(0.5)
    assert not (tmp_path / "late").exists()


def test_a_cell_of_a_peer_is_a_process_with_a_task(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A peer that says the first class of everything."""
    program = tmp_path / "peer.py"
    program.write_text(
        "import json, os, pathlib, sys\n"
        "task = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding='utf-8'))\n"
        "assert task['options'] == {'epochs': 3} and task['seed'] == 2 and os.environ['HF_HUB_OFFLINE'] == '1'\n"
        "assert len(list(pathlib.Path(task['photos']).glob('train/*/*'))) == 30\n"
        "names = sorted(each.name for each in pathlib.Path(task['judged']).iterdir())\n"
        "pathlib.Path(task['out']).write_text('id,prediction\\n' + ''.join(f'{each},pansy\\n' for each in names))\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(benches, "PROGRAMS", tmp_path)
    monkeypatch.setitem(
        benches.ENTRANTS, "fastai", benches.ENTRANTS["fastai"].__class__(
            "fastai", "peer.py", "fastai", ("fastai",), entrants.PEERS["fastai"].points, entrants.PEERS["fastai"].quick
        )
    )  # fmt: skip
    bench = benches.Bench(source.parent, tmp_path, {"fastai": Path(sys.executable)})
    entry = bench.measure(a_cell(2))
    assert entry["accuracy"] == pytest.approx(1 / 3) and entry["judged"] == 9
    assert 0 < entry["seconds"] <= entry["process"] and entry["cpu"] > 0
    assert entry["versions"]["fastai"].startswith("2.8")
    assert not list(tmp_path.glob("cell-*"))
    program.write_text("raise SystemExit('no memory')", encoding="utf-8")
    assert bench.measure(a_cell(2))["failed"] == "no memory"


# The entrants


@pytest.mark.parametrize("name", entrants.OURS)
def test_every_end_point_of_sadari_can_be_typed(name: str, tmp_path: Path) -> None:
    own = entrants.OURS[name]
    spec = find_model(own.model)
    for point in (*own.points, own.quick):
        words = own.command(point, tmp_path, 3, tmp_path / "run")
        pairs = dict(words[at + 1].split("=") for at, word in enumerate(words) if word == "--set")
        typed: dict[str, Any] = {key: int(text) if text.isdecimal() else text for key, text in pairs.items()}
        resolve(spec.settings, spec.variables, typed)
        assert words[words.index("--model") + 1] == own.model and words[words.index("--seed") + 1] == "3"
    assert Path(words[0]).exists()


@pytest.mark.parametrize("name", entrants.PEERS)
def test_every_peer_has_a_program_and_exact_versions(name: str) -> None:
    peer = entrants.PEERS[name]
    assert (entrants.PROGRAMS / peer.program).is_file()
    assert all(environments.versions(peer.environment, peer.packages).values())
    lines = (environments.REQUIREMENTS / f"{peer.environment}.txt").read_text(encoding="utf-8").splitlines()
    assert all("==" in line or line.lstrip().startswith("#") for line in lines)
    assert entrants.point_of(name, peer.quick.name) == peer.quick
    assert sum(point.early for point in peer.points) == 1


def test_processes_know_no_network_and_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_DATA_DIR", "/data")
    found = entrants.variables(tmp_path / "weights", tmp_path)
    assert found["HF_HUB_OFFLINE"] == "1" and found["SADARI_WEIGHTS_DIR"] == str(tmp_path / "weights")
    assert "SADARI_DATA_DIR" not in found and found["SADARI_CACHE_DIR"].startswith(str(tmp_path))


# The weights


def test_peers_get_the_weights_that_come_with_sadari(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = {"conv_stem.weight": torch.arange(3.0), "classifier.bias": torch.zeros(2)}
    monkeypatch.setattr(weights, "read_embedded", lambda: tensors)
    folder = weights.prepare_weights(tmp_path / "weights")
    found = load_file(folder / weights.NAME / "model.safetensors")
    assert found.keys() == tensors.keys() and torch.equal(found["conv_stem.weight"], torch.arange(3.0))
    other = tmp_path / "weights-autogluon"
    assert list(torch.load(other / "pytorch_model.bin", weights_only=True)) == ["conv_stem.weight"]
    configs = [json.loads((each / "config.json").read_text()) for each in (folder / weights.NAME, other)]
    assert configs[1] == {**configs[0], "num_features": 1280} and configs[0]["pretrained_cfg"]["mean"][0] == 127 / 255
    monkeypatch.setattr(weights, "read_embedded", lambda: pytest.fail("written again"))
    weights.prepare_weights(tmp_path / "weights")


def test_features_that_differ_are_refused() -> None:
    wanted = np.zeros((2, 1280), np.float32)
    assert proof._compared("a", wanted + 9e-5, wanted) < 1e-4
    for other in (wanted + 2e-4, wanted * np.nan, wanted[:1]):
        with pytest.raises(SadariError, match=r"a has features|features of a differ"):
            proof._compared("a", other, wanted)
