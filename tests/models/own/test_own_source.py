"""Is code of the user named as it should be, imported only when it is named, and its source known again?"""

import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch

from sadari.errors import SadariError, UsageError
from sadari.models.catalog import find_model, recorded_model
from sadari.models.own import source
from sadari.models.own.model import digest_in
from sadari.models.own.named import find_code, let_run
from sadari.models.own.reference import import_maker, is_own
from sadari.models.own.source import source_digest

CODE = """
    import torch
    from torch import nn
    from {blocks} import Block, UNUSED

    WIDTH = 4

    def unused():
        return 1

    class Net(nn.Module):
        def __init__(self, classes):
            super().__init__()
            self.block = Block(WIDTH)
            self.out = nn.Linear(WIDTH, classes)

        def forward(self, x):
            return self.out(self.block(x))

    def make_net(classes):
        return Net(classes)
"""
BLOCKS = """
    from torch import nn

    UNUSED = 1

    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.layer = nn.LazyLinear(width)

        def forward(self, x):
            return self.layer(x.flatten(1))
"""


def write(folder: Path, name: str, code: str = CODE, blocks: str = BLOCKS) -> str:
    """Write the modules NAME and NAME_blocks into `folder`, and return how the first one's function is named."""
    (folder / f"{name}_blocks.py").write_text(textwrap.dedent(blocks), encoding="utf-8")
    text = textwrap.dedent(code).replace("{blocks}", f"{name}_blocks")
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return f"{name}:make_net"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def digest_of(folder: Path, name: str, old: str = "", new: str = "", in_blocks: bool = False) -> str:
    changed = (BLOCKS if in_blocks else CODE).replace(old, new) if old else ""
    given = {"blocks": changed} if in_blocks and old else {"code": changed} if old else {}
    return source_digest(import_maker(write(folder, name, **given)))


def test_the_digest_is_of_the_source_and_of_all_that_it_names(here: Path) -> None:
    same = digest_of(here, "one")
    assert len(same) == 32 and digest_of(here, "two") == same
    assert digest_of(here, "three", "return 1", "return 2") == same  # another function of the file
    assert digest_of(here, "four", "UNUSED = 1", "UNUSED = 2", in_blocks=True) == same
    others = [
        digest_of(here, "five", "WIDTH = 4", "WIDTH = 5"),  # a constant
        digest_of(here, "six", "self.block(x)", "self.block(x).relu()"),  # a class that the function names
        digest_of(here, "seven", "x.flatten(1)", "x.flatten(1) / 2", in_blocks=True),  # a module that it imports
        digest_of(here, "eight", "return Net(classes)", "return Net(classes)  # a comment"),
    ]
    assert len({same, *others}) == 5


def test_the_digest_sees_base_classes_methods_and_closures(here: Path) -> None:
    def maker(width: int) -> Any:
        def make(classes: int) -> int:
            return classes * width

        return make

    assert source_digest(maker(1)) != source_digest(maker(2))
    assert source_digest(maker(1)) == source_digest(maker(1))
    base = "return self.out(self.block(x))"
    derived = (
        CODE.replace("return Net(classes)", "return Derived(classes)") + "\n    class Derived(Net):\n        pass\n"
    )
    one = source_digest(import_maker(write(here, "derived", derived)))
    two = source_digest(import_maker(write(here, "derived_other", derived.replace(base, "return self.block(x)"))))
    assert one != two


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("S = 0.1\ndef act(x, slope=S):\n    return x\n", "act(x)", ("0.1", "0.2")),  # a default that is a constant
        ("class A:\n    S = 0.1\n    def f(self, x):\n        return x * self.S\n", "A().f(x)", ("0.1", "0.2")),
        ("S = 0.1\nclass A:\n    slope = S\n", "A.slope * x", ("0.1", "0.2")),
        ("def act(x):\n    return x * 1\nACTS = {'act': [act]}\n", "ACTS['act'][0](x)", ("x * 1", "x * 2")),
        ("def act(x):\n    return x * 1\nACT = functools.partial(map, act)\n", "ACT(x)", ("x * 1", "x * 2")),
        (
            "def twice(f):\n    @functools.wraps(f)\n    def g(x):\n        return f(x) * 1\n    return g\n"
            "@twice\ndef act(x):\n    return x\n",
            "act(x)",
            ("f(x) * 1", "f(x) * 2"),
        ),
        (
            "def twice(f):\n    @functools.wraps(f)\n    def g(*x):\n        return f(*x) * 1\n    return g\n"
            "class A:\n    @twice\n    def f(self, x):\n        return x\n",
            "A().f(x)",
            ("f(*x) * 1", "f(*x) * 2"),
        ),
        (
            "def act(x):\n    return x * 1\n"
            "class A:\n    class B:\n        @functools.cached_property\n        def f(self):\n"
            "            return act\n",
            "A.B().f(x)",
            ("x * 1", "x * 2"),
        ),
    ],
)
@pytest.mark.parametrize("typed", [False, True])
def test_the_digest_sees_what_its_code_reaches_otherwise_than_by_a_call(
    here: Path, before: str, after: str, change: tuple[str, str], typed: bool
) -> None:
    def digest(name: str, text: str) -> str:
        code = f"import functools\n{text}def make_net(x):\n    return {after}\n"
        if typed:  # at a prompt: no source is known
            space: dict[str, Any] = {"__name__": "__main__"}
            exec(code, space)
            return source_digest(space["make_net"])
        (here / f"{name}.py").write_text(code, encoding="utf-8")
        return source_digest(import_maker(f"{name}:make_net"))

    key = f"reached_{abs(hash((before, after)))}"
    one, again = digest(f"{key}_1", before), digest(f"{key}_2", before)
    assert one == again != digest(f"{key}_3", before.replace(*change))


def test_code_at_a_prompt_has_a_digest_too() -> None:
    found: list[str] = []
    for number in (1, 1, 2):
        space: dict[str, Any] = {"__name__": "__main__"}
        exec(f"def make(classes):\n    return classes + {number}\n", space)  # as code without a file
        found.append(source_digest(space["make"]))
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nowhere_at_all:make_net", "there is no module 'nowhere_at_all' .*; start where nowhere_at_all.py is"),
        ("broken_net:make_net", "broken_net, named for .*, cannot be imported: SyntaxError"),
        ("leaving_net:make_net", "leaving_net, named for .*, cannot be imported: SystemExit"),
        ("good_net:make_nett", "unknown name in good_net 'make_nett'; did you mean 'make_net'?"),
        ("good_net:WIDTH", "a class or a function with a name .*, not a int"),
        ("good_net.py:make_net", "a module is named without .py: good_net:make_net"),
        ("__main__:make_net", "put it into a file, such as net.py, and name it as net:make_net"),
    ],
)
def test_what_cannot_be_imported_is_one_sentence(here: Path, text: str, sentence: str) -> None:
    write(here, "good_net")
    (here / "broken_net.py").write_text("def make_net(:\n", encoding="utf-8")
    (here / "leaving_net.py").write_text("raise SystemExit(3)\n", encoding="utf-8")
    with pytest.raises(UsageError, match=sentence) as caught:
        find_model(text)
    assert "\n" not in str(caught.value)


def test_a_file_of_the_current_folder_shadows_no_module_later(here: Path) -> None:
    import_maker(write(here, "plain_net"))
    assert sys.path[-1] == str(here) and sys.path[0] != str(here)


def test_which_texts_name_code() -> None:
    assert all(map(is_own, ("net:make_net", "a.b.c:Net", "a:Outer.Inner", "__main__:make_net")))
    assert not any(
        map(is_own, ("cnn", "timm:resnet18", "net.py", "net.toml", "a:", ":b", "C:\\net.toml", "a b:c", "a:b-c"))
    )


def test_reading_a_run_never_imports_what_it_names(here: Path) -> None:
    (here / "planted_net.py").write_text("raise RuntimeError('it ran')\n", encoding="utf-8")
    layers = "own planted_net:make_net code 0123"
    spec = recorded_model("planted_net:make_net", layers)
    assert (spec.name, spec.layers, digest_in(layers)) == ("make_net", layers, "0123")
    with pytest.raises(SadariError, match="add --model-code planted_net:make_net_of_stranger"):
        find_code("planted_net:make_net_of_stranger")
    assert "planted_net" not in sys.modules


def test_no_file_of_layers_lets_code_run(here: Path) -> None:
    (here / "net.toml").write_text('layers = "own os:system code 0123"\n', encoding="utf-8")
    with pytest.raises(UsageError, match="no file lets code run; name it yourself: --model os:system"):
        find_model("net.toml")


def test_code_is_named_once_and_read_once(here: Path) -> None:
    text = write(here, "edited_net")
    let_run(text)
    first = find_code(text)
    write(here, "edited_net", CODE.replace("WIDTH = 4", "WIDTH = 9"))  # on disk; what is imported stays
    let_run([text])
    assert find_code(text) is first


def test_of_an_installed_package_the_module_alone_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a module of torch would be followed through all of torch, which takes minutes."""
    read: list[str] = []
    text = source._text

    def noted(value: Any) -> str:
        read.append(getattr(value, "__module__", ""))
        return text(value)

    monkeypatch.setattr(source, "_text", noted)
    assert source_digest(torch.nn.Flatten)
    assert set(read) == {"torch.nn.modules.flatten"}
