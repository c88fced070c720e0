"""Do the rooms know of each other only what docs/architecture.md allows?"""

from pathlib import Path

import pytest

from support.loaded import HEAVY, loaded_by, typed
from support.source_graph import GRAPH, MODULES, ROOT, outside

DOCUMENT = ROOT.parents[1] / "docs" / "architecture.md"


def table() -> dict[str, int]:
    """The layer of every room, as the table of docs/architecture.md has it."""
    layers: dict[str, int] = {}
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[0][:1].isdecimal():
            names = cells[1].replace("the package's ", "").split(", ")
            layers |= {name.strip("`"): int(cells[0][0]) for name in names}
    return layers


LAYERS = table()
# Below in the table, and still none of their business: who uses a model or tells of it does not make one.
KEPT_APART = {
    "explain": {"training"},
    "report": {"training", "deploy"},
    "deploy": {"training"},
    "tracking": {"training"},
}
WITHOUT_TORCH = {"evaluation"}
FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc"}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def short(module: str) -> str:
    return str(MODULES[module].relative_to(ROOT))


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_module_stands_in_a_room_and_looks_downwards(module: str) -> None:
    mine = room(module)
    assert mine in LAYERS, f"{short(module)} belongs to no room of the table"
    for other in GRAPH[module]:
        theirs = room(other)
        if mine == theirs or LAYERS[mine] == max(LAYERS.values()):
            continue
        assert LAYERS[theirs] < LAYERS[mine] or LAYERS[mine] == LAYERS[theirs] <= 1, (
            f"{short(module)} may not import {short(other)}"
        )
        assert theirs not in KEPT_APART.get(mine, set()), f"{short(module)} may not import {short(other)}"


@pytest.mark.parametrize("module", sorted(each for each in MODULES if room(each) in WITHOUT_TORCH))
def test_figures_and_statistics_need_no_torch(module: str) -> None:
    assert "torch" not in outside(MODULES[module]), f"{short(module)} may not import torch"


def test_there_are_no_cycles() -> None:
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, f"a cycle: {' -> '.join([*way[way.index(module) :], module])}"
        if module not in done:
            for other in sorted(GRAPH[module]):
                visit(other, (*way, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())
    assert done == set(MODULES)


def test_the_graph_is_seen() -> None:
    assert GRAPH["sadari.training.train"] >= {"sadari.data.load", "sadari.training.engine", "sadari.run"}
    assert "sadari.data.prepare" in GRAPH["sadari.inference.predict"]
    assert "torch" in outside(MODULES["sadari.inference.predict"])


def test_the_table_is_read() -> None:
    assert set(LAYERS.values()) == set(range(9))
    assert (LAYERS["errors"], LAYERS["run"], LAYERS["data"], LAYERS["training"]) == (0, 1, 2, 4)
    assert (LAYERS["comparison"], LAYERS["tuning"], LAYERS["report"]) == (5, 6, 7)
    assert (LAYERS["cli"], LAYERS["__init__"]) == (8, 8)
    there = {path.stem for path in ROOT.iterdir() if path.is_dir() or path.suffix == ".py"} - {"__pycache__"}
    assert set(LAYERS) == there


def test_no_module_is_called_by_what_it_is_not() -> None:
    for path in MODULES.values():
        assert not FORBIDDEN_NAMES & set(path.relative_to(ROOT).with_suffix("").parts), path


@pytest.mark.parametrize(
    "code",
    [
        "import sadari",
        "from sadari import UsageError",
        "from sadari import load, train, compare",
        typed("--help"),
        typed("trian"),
        typed("train", "--help"),
        typed("data", "--help"),
        typed("models", "--json"),
    ],
)
def test_what_only_tells_something_loads_next_to_nothing(code: str) -> None:
    assert loaded_by(code) == set()


def test_the_ladder_as_a_table_needs_rich_alone() -> None:
    assert loaded_by(typed("models")) == {"rich"}
    assert loaded_by(typed("models", "cnn")) == {"rich"}


@pytest.mark.parametrize(
    "code",
    [
        "from sadari import Settings, ImageSet, RunRecord",
        typed("data", "list"),
        typed("data", "info", "shapes:images=40"),
        "import sadari; sadari.load('shapes:images=40')",
    ],
)
def test_images_are_had_without_torch(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path))
    assert not loaded_by(code) & {*HEAVY, "torch._dynamo", "sympy"}


@pytest.mark.parametrize(
    ("model", "optimizer"),
    [
        ("cnn", "adam"),
        *(pytest.param("mlp", name, marks=pytest.mark.slow) for name in ("adam", "muon", "sgd", "rmsprop", "adadelta")),
        pytest.param("lstm", "adam", marks=pytest.mark.slow),
    ],
)
def test_training_loads_no_compiler(
    model: str, optimizer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    settings = f"epochs=1, checkpoint_seconds=0.0, optimizer={optimizer!r}"
    program = f"sadari.train('shapes:images=60,size=16', {model!r}, out={str(tmp_path / 'run')!r}, {settings})"
    assert loaded_by(f"import sadari; {program}") == {"torch", "numpy", "PIL"}


@pytest.mark.slow
def test_loading_is_seen() -> None:
    assert loaded_by("import sadari.training.engine") >= {"torch", "numpy"}
    assert {"torch._dynamo", "sympy"} <= loaded_by("import torch._dynamo")
