"""How is timm imported without what nothing here uses? torch's compiler and W&B wait until something asks for them.

torchvision, which timm loads, takes one function of `torch._dynamo`, timm decorates one function by it, and takes
`wandb` where that is installed. They take about as long to import as torch does, and make no network.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from importlib.util import find_spec
from threading import Lock
from types import ModuleType
from typing import Any, NamedTuple


class Taken(NamedTuple):
    """The names of the functions and of the decorators that others take from a module while they are imported."""

    functions: tuple[str, ...] = ()
    decorators: tuple[str, ...] = ()


# The modules that wait.
WAITING = {
    "torch._dynamo": Taken(decorators=("disable",)),
    "torch._dynamo.utils": Taken(functions=("is_compile_supported",)),
    "wandb": Taken(),
}
_IMPORTING = Lock()


def import_timm() -> ModuleType:
    """Return timm, imported but for what it does not need of torch's compiler and of W&B: that waits for its use."""
    with _IMPORTING:
        if "timm" in sys.modules:
            return sys.modules["timm"]
        with _waiting():
            return importlib.import_module("timm")


class _StandIn(ModuleType):
    """A module that is imported when something is asked of it, or what was `taken` of it is called."""

    def __init__(self, name: str, taken: Taken) -> None:
        super().__init__(name)
        self._inside = "." in name
        for each in taken.functions:
            setattr(self, each, self._function(each))
        for each in taken.decorators:
            setattr(self, each, self._decorator(each))

    def __getattr__(self, name: str) -> Any:
        # What looks through all modules asks for `__file__` and more, and `from` for `__path__`, which packages have.
        if name.startswith("__") and (name != "__path__" or self._inside):
            raise AttributeError(name)
        return getattr(self._real(), name)

    def _function(self, name: str) -> Callable[..., Any]:
        return lambda *given, **named: getattr(self._real(), name)(*given, **named)

    def _decorator(self, name: str) -> Callable[..., Any]:
        def decorate(function: Callable[..., Any] | None = None, *given: Any, **named: Any) -> Any:
            if function is None:
                return getattr(self._real(), name)(None, *given, **named)
            decorated = cache(lambda: getattr(self._real(), name)(function, *given, **named))
            return wraps(function)(lambda *args, **kwargs: decorated()(*args, **kwargs))

        return decorate

    def _real(self) -> ModuleType:
        self.leave()
        return importlib.import_module(self.__name__)

    def leave(self) -> None:
        """Free the name for the module itself."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


@contextmanager
def _waiting() -> Iterator[None]:
    """Let each module of WAITING that is there, and not imported yet, be a stand-in inside."""
    new = [name for name in WAITING if name not in sys.modules and find_spec(name.partition(".")[0])]
    stand_ins = [_StandIn(name, WAITING[name]) for name in new]
    sys.modules.update({each.__name__: each for each in stand_ins})
    try:
        yield
    finally:
        for each in stand_ins:
            each.leave()
