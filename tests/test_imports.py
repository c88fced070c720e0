"""Do the rooms know of each other only what docs/architecture.md allows?"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "src" / "sadari"
DOCUMENT = Path(__file__).parent.parent / "docs" / "architecture.md"


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
ALLOWED_BESIDE = {("evaluation/predict.py", "data/prepare.py")}
REPORT_MAY_SKIP = {"training", "deploy"}  # the telling reads runs, it does not make them
FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc"}
HEAVY = {"torch", "torchvision", "sklearn", "pandas", "matplotlib", "tensorboard", "scipy"}


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = ("sadari", *path.relative_to(ROOT).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(path: Path) -> set[str]:
    """The modules of the package that `path` imports, wherever in it: at the top, in functions, for types."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in MODULES}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            base = node.module or ""
            found |= {f"{base}.{alias.name}" for alias in node.names if f"{base}.{alias.name}" in MODULES}
            if base in MODULES and any(f"{base}.{alias.name}" not in MODULES for alias in node.names):
                found.add(base)
    return found


GRAPH = {name: imports(path) for name, path in MODULES.items()}


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
        if mine == theirs or (short(module), short(other)) in ALLOWED_BESIDE or LAYERS[mine] == 6:
            continue
        assert LAYERS[theirs] < LAYERS[mine] or LAYERS[mine] == LAYERS[theirs] <= 1, (
            f"{short(module)} may not import {short(other)}"
        )
        assert not (mine == "report" and theirs in REPORT_MAY_SKIP), f"{short(module)} may not import {short(other)}"


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
    assert "sadari.data.prepare" in GRAPH["sadari.evaluation.predict"]


def test_the_table_is_read() -> None:
    assert set(LAYERS.values()) == set(range(7))
    assert (LAYERS["errors"], LAYERS["run"], LAYERS["data"], LAYERS["training"]) == (0, 1, 2, 3)
    assert (LAYERS["comparison"], LAYERS["report"], LAYERS["cli"], LAYERS["__init__"]) == (4, 5, 6, 6)
    there = {path.stem for path in ROOT.iterdir() if path.is_dir() or path.suffix == ".py"} - {"__pycache__"}
    assert set(LAYERS) == there


def test_no_module_is_called_by_what_it_is_not() -> None:
    for path in MODULES.values():
        assert not FORBIDDEN_NAMES & set(path.relative_to(ROOT).with_suffix("").parts), path


def loaded_by(code: str) -> set[str]:
    """Which heavy packages does running `code` in a fresh process load?"""
    watched = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\n"
    listing = watched + f"print(*sorted({HEAVY!r} & set(sys.modules)), sep=chr(10))"
    process = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    return HEAVY & set(process.stdout.split("\n"))


@pytest.mark.parametrize(
    "code",
    [
        "import sadari",
        "from sadari import Settings, UsageError",
        "sys.argv = ['sadari', '--help']; from sadari.cli.main import main; main()",
        "sys.argv = ['sadari', 'train', '--help']; from sadari.cli.main import main; main()",
        "sys.argv = ['sadari', 'models']; from sadari.cli.main import main; main()",
    ],
)
def test_the_fast_commands_load_nothing_heavy(code: str) -> None:
    assert loaded_by(code) == set()


def test_loading_is_seen() -> None:
    assert "torch" in loaded_by("import sadari.training.engine")
