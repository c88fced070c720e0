"""Does a model with a backbone leave out what timm and torch would import for nothing, until somebody wants it?"""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sadari.models.backbone import importing
from sadari.models.backbone.importing import Taken
from support.backbones import SMALL
from support.jobs import arrays_file, patterns

SLOW = "slow_of_a_test"
CODE = """
value, decorated = 5, []
def quick(n): return n + 1
def twice(function=None, times=2):
    decorated.append(function)
    if function is None: return lambda other: twice(other, times)
    return lambda n: times * function(n)
"""
TRAIN = """
import sys
from sadari.cli.main import main
sys.argv = ["sadari", *sys.argv[1:]]
try:
    main()
finally:
    print("loaded", *({"torch._dynamo", "torch._inductor", "wandb"} & set(sys.modules)))
    from torchvision.ops.roi_align import is_compile_supported
    print("compiles", is_compile_supported("cpu"), "torch._dynamo" in sys.modules)
"""


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package that is slow to import, with a function that others take when they are imported."""
    package = tmp_path / SLOW
    package.mkdir()
    (package / "__init__.py").write_text(CODE, encoding="utf-8")
    (package / "inner.py").write_text("deep = 7\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(importing, "WAITING", {SLOW: Taken(("quick",), ("twice",)), "nowhere_of_a_test": Taken()})
    for name in (SLOW, f"{SLOW}.inner"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return SLOW


def is_real(name: str) -> bool:
    return getattr(sys.modules.get(name), "__file__", None) is not None


def test_a_function_that_others_take_imports_the_module_when_it_is_called(slow: str) -> None:
    with importing._waiting():
        taken = importlib.import_module(slow).quick
        assert not hasattr(sys.modules[slow], "__file__")  # as `inspect` asks every module that there is
        assert not is_real(slow)
        assert "nowhere_of_a_test" not in sys.modules
    assert slow not in sys.modules
    assert taken(1) == 2
    assert is_real(slow)


def test_a_decorator_imports_it_when_the_decorated_function_is_called(slow: str) -> None:
    def plus_three(n: int) -> int:
        return n + 3

    with importing._waiting():
        decorated = importlib.import_module(slow).twice(plus_three, times=10)
        assert decorated.__name__ == "plus_three"
        assert not is_real(slow)
    assert (decorated(1), decorated(2)) == (40, 50)
    assert sys.modules[slow].decorated == [plus_three]  # once
    sys.modules.pop(slow)
    with importing._waiting():
        assert importlib.import_module(slow).twice(times=3)(plus_three)(1) == 12
        assert is_real(slow)


def test_a_statement_that_takes_it_from_a_module_inside_a_package_does_not_import_that(
    tmp_path: Path, slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = f"{slow}.inner"
    monkeypatch.setattr(importing, "WAITING", {inner: Taken(("quick",))})
    (tmp_path / slow / "inner.py").write_text("def quick(n): return n + 2\n", encoding="utf-8")
    found: dict[str, Any] = {}
    with importing._waiting():
        exec(f"from {inner} import quick", found)
        assert not is_real(slow)
    assert found["quick"](1) == 3
    assert is_real(inner)


def test_whatever_else_is_asked_imports_it_at_once(slow: str) -> None:
    with importing._waiting():
        held = importlib.import_module(slow)
        assert held.value == 5
        assert is_real(slow) and sys.modules[slow] is not held
    assert is_real(slow) and held.quick(2) == 3


def test_a_module_inside_it_can_be_imported(slow: str) -> None:
    with importing._waiting():
        assert importlib.import_module(f"{slow}.inner").deep == 7
    assert is_real(slow)


def test_a_module_that_is_imported_already_stays(slow: str) -> None:
    real: ModuleType = importlib.import_module(slow)
    with importing._waiting():
        assert sys.modules[slow] is real
    assert sys.modules[slow] is real


def test_a_probe_is_trained_without_the_compiler(tmp_path: Path) -> None:
    data = arrays_file(tmp_path, patterns(side=32))
    words = ["train", data, "--model", "linear-probe", "--out", str(tmp_path / "run")]
    chosen = [f"backbone={SMALL}", "weights=random:1", "image_size=32", "threads=1", "tensorboard=off"]
    options = [each for pair in chosen for each in ("--set", pair)]
    environment = {**os.environ, "SADARI_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, *words, *options], capture_output=True, text=True, check=True, env=environment
    )
    said = done.stdout.splitlines()
    assert "loaded" in said, said[-2:]  # and nothing behind it
    assert said[-1] in ("compiles True True", "compiles False True")
