"""How does the command line speak of plug-ins? --plugins names modules, and sentences say what is left out, and why.

`--plugins MODULE` may stand anywhere in a command and more than once; it becomes the variable SADARI_PLUGINS, which
worker processes inherit.
"""

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sadari.cli.output.console import harmless
from sadari.errors import PluginWarning, UsageError
from sadari.plugins.offers import VARIABLE, named_modules, require_module_name

OPTION = "--plugins"


def without_plugins(arguments: Sequence[str]) -> list[str]:
    """Return the arguments without `--plugins MODULE`, whose modules join those of the environment.

    Raises UsageError where no module follows.
    """
    left, modules = apart(arguments)
    modules = [*dict.fromkeys((*named_modules(), *modules))]
    if modules:
        os.environ[VARIABLE] = ",".join(modules)
    return left


def apart(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the arguments without `--plugins MODULE`, and the modules. Raises UsageError where none follows."""
    left: list[str] = []
    modules: list[str] = []
    waiting = iter(arguments)
    for each in waiting:
        name, equals, value = each.partition("=")
        if name != OPTION:
            left.append(each)
            continue
        module = value if equals else next(waiting, "")
        if not module or module.startswith("-"):
            raise UsageError(f"{OPTION} takes the name of a module, such as {OPTION} my_layers or my_package.metrics")
        for named in filter(None, module.split(",")):
            require_module_name(named)
            modules.append(named)
    return left, modules


@contextmanager
def plugin_warnings_said() -> Iterator[None]:
    """Print what is left out of plug-ins as sentences on standard error, each once."""
    before, said = warnings.showwarning, set[str]()

    def show(message: Any, category: type[Warning], *place: Any, **more: Any) -> None:
        sentence = str(message)
        if not issubclass(category, PluginWarning):
            before(message, category, *place, **more)
        elif sentence not in said:
            said.add(sentence)
            sys.stderr.write(harmless(f"note: {sentence}") + "\n")

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before


def plugin_rows() -> list[dict[str, str]]:
    """Return what plug-ins offer: kind, name, package, and the problem that keeps it from being used, or "".

    All of it is imported for that, and torch.
    """
    from sadari.data.augment.pipeline import OPERATIONS
    from sadari.data.corruptions import CORRUPTIONS
    from sadari.evaluation.metrics import METRICS
    from sadari.models.catalog import MODELS
    from sadari.models.layers.plugin import KINDS
    from sadari.registry import Registry
    from sadari.training.loss import FUNCTIONS
    from sadari.training.optim.build import MAKERS

    registries: tuple[Registry[Any], ...] = (MODELS, KINDS, METRICS, OPERATIONS, MAKERS, FUNCTIONS, CORRUPTIONS)
    return [row for registry in registries for row in registry.listed()]
