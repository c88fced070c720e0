"""Which code does a text such as `package.module:make_net` mean, and what is that code called? No torch here."""

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sadari.errors import UsageError
from sadari.registry import unknown_name

Maker = Callable[..., Any]  # a subclass of torch.nn.Module, or a function that returns a module

TIMM = "timm:"  # such names are networks of timm, not code of the user
_NAME = r"[^\W\d]\w*"
_REFERENCE = re.compile(rf"{_NAME}(\.{_NAME})*:{_NAME}(\.({_NAME}|<locals>))*")
MAIN = "__main__"  # what Python calls a script or notebook


def is_own(reference: str) -> bool:
    """Return whether `reference` names code of the user, such as package.module:make_net."""
    return not reference.startswith(TIMM) and _REFERENCE.fullmatch(reference) is not None


def short_name(reference: str) -> str:
    """Return the name of the class or function without its module: make_net."""
    return re.split("[:.]", reference)[-1]


def is_of_main(reference: str) -> bool:
    """Return whether `reference` is code of a script or notebook, which no other process can import."""
    return reference.partition(":")[0] == MAIN


def naming_option(reference: str) -> str:
    """Return the option that names the code again, for the end of a command; "" for a model that is no code."""
    return f" --model-code {reference}" if is_own(reference) and not is_of_main(reference) else ""


def reference_of(maker: Maker) -> str:
    """Return the text that means `maker`: the module that defines it, and its name there.

    Raises UsageError for what has no name: a lambda, a functools.partial, a network that exists already.
    """
    if hasattr(maker, "state_dict") and not isinstance(maker, type):
        raise UsageError(
            f"a model is a class or a function that makes the network, not a {type(maker).__name__} that exists "
            "already: each seed begins with weights of its own"
        )
    module, name = getattr(maker, "__module__", None), getattr(maker, "__qualname__", "")
    if not callable(maker) or not module or not name or name.endswith("<lambda>"):
        what = name or type(maker).__name__
        raise UsageError(f"a model is a class or a function with a name (def make_net(...): ...), not a {what}")
    return f"{module}:{name}"


def is_importable(reference: str, maker: Maker) -> bool:
    """Return whether another process finds `maker` by importing `reference`: not what a script or notebook defines."""
    module, _, name = reference.partition(":")
    if is_of_main(reference) or "<locals>" in name:
        return False
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is maker


def import_maker(reference: str) -> Maker:
    """Import what `reference` names; modules are looked for in the current folder first, then where Python looks.

    Raises UsageError for another form of text, a module that is not there or cannot be imported, and a name that it
    does not have.
    """
    module_name, _, name = reference.partition(":")
    if not is_own(reference):
        raise UsageError(f"code is named as package.module:make_net, not '{reference}'")
    if module_name.endswith(".py"):
        raise UsageError(f"a module is named without .py: {module_name.removesuffix('.py')}:{name}, not {reference}")
    if is_of_main(reference):
        raise UsageError(
            f"{reference} is code of a script or notebook; put it into a file, such as net.py, and name it as "
            f"net:{short_name(reference)}"
        )
    found: Any = _imported(module_name, reference)
    for part in name.split("."):
        if not hasattr(found, part):
            raise unknown_name(f"name in {module_name}", name, _callables(found) or ["nothing that makes a network"])
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def _imported(name: str, reference: str) -> Any:
    here = str(Path.cwd())
    added = here not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            raise UsageError(
                f"there is no module '{error.name}' for the model {reference}; start where {error.name}.py is, or "
                "install its package"
            ) from None
        raise UsageError(f"{name}, named for the model {reference}, cannot be imported: {in_short(error)}") from error
    finally:
        if added:  # last, so that no file there takes the place of a module that is imported later
            sys.path.remove(here)
            sys.path.append(here)


def _callables(module: Any) -> list[str]:
    mine = getattr(module, "__name__", "")
    return [name for name, each in vars(module).items() if callable(each) and getattr(each, "__module__", "") == mine]


def in_short(error: BaseException) -> str:
    """Return the kind of an error and the first line of its text."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
