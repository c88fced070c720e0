"""Which entries of a kind do others offer? Installed packages by entry points, a user's own module by decorators.

An entry point of the group `sadari.metrics` (and so on, a group for each of KINDS) names an object of an installed
package; its name is known without importing the package, which happens when somebody asks for that entry. A decorator
(`decorators.py`) offers what it decorates as soon as its module is imported. Modules that the user names, by --plugins
or in the variable SADARI_PLUGINS, are imported when a registry is first asked for what others offer.

Nothing else is ever imported: no file of a run, a comparison or an export names code that is executed.
"""

import os
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from sadari.errors import PluginWarning, UsageError

KINDS: Mapping[str, str] = {
    "model": "sadari.models",
    "layer": "sadari.layers",
    "metric": "sadari.metrics",
    "augmentation": "sadari.augmentations",
    "optimizer": "sadari.optimizers",
    "loss": "sadari.losses",
    "corruption": "sadari.corruptions",
}  # the group of entry points of each kind
VARIABLE = "SADARI_PLUGINS"  # of the environment: modules to import, separated by commas
SCRIPT = "__main__"  # the module of a script or a notebook, which no other process can import
_NAME = re.compile(r"\w[\w.-]*")
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True, eq=False)
class Offer:
    """One entry that is offered, by a distribution or by a module.

    module: where it is defined. distribution, version: of the installed package, "" for a module that is in none.
    made, options: what was decorated, and the arguments of its decorator. entry: the entry point, None where a
    decorator alone offers it.
    """

    kind: str
    name: str
    module: str
    distribution: str = ""
    version: str = ""
    made: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    entry: EntryPoint | None = None

    @property
    def package(self) -> str:
        """Return who offers it, as sentences name it: "sadari-extras 0.1", or the module."""
        return f"{self.distribution} {self.version}".strip() if self.distribution else self.module

    def load(self) -> "Offer":
        """Return the same offer with what was made; its package is imported now.

        Raises UsageError with one sentence where that fails, whatever is raised there.
        """
        if self.entry is None:
            return self
        try:
            made = self.entry.load()
        except (Exception, SystemExit) as error:
            raise UsageError(
                f"the {self.kind} '{self.name}' of {self.package} cannot be used, as {self.module} cannot be imported "
                f"({_reason(error)}); repair that package, or uninstall it"
            ) from error
        decorated = next((each for each in _decorated.get((self.kind, self.name), []) if each.made is made), None)
        return replace(self, made=made, options=decorated.options if decorated else {})


_decorated: dict[tuple[str, str], list[Offer]] = {}
_registered: list[str] = []  # in the order in which it happened, those that happened again too
_asked: dict[str, str] = {}  # named modules that were imported, or why not


def register(kind: str, name: str, made: Any, options: Mapping[str, Any], module: str) -> None:
    """Offer what `module` has made as the entry `name` of a kind. Of a module that runs again, the last one counts.

    Raises UsageError for a name that cannot be typed.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(f"the name of a {kind} is made of letters, digits, '-', '_' and '.', not {name!r}")
    others = [each for each in _decorated.get((kind, name), []) if each.module != module]
    _decorated[kind, name] = [*others, Offer(kind, name, module, made=made, options=options)]
    _registered.append(name)


def offered(kind: str) -> dict[str, list[Offer]]:
    """Return what others offer of `kind` by name, sorted by name; several offers of one name are a clash.

    Named modules are imported, installed packages are not. Raises UsageError where a named module cannot be imported.
    """
    import_named()
    found: dict[str, list[Offer]] = {}
    for entry in _entries(KINDS[kind]):
        found.setdefault(entry.name, []).append(_of_entry(kind, entry))
    for (of_kind, name), offers in _decorated.items():
        if of_kind == kind:
            installed = {_top(each.module) for each in found.get(name, [])}
            found.setdefault(name, []).extend(each for each in offers if _top(each.module) not in installed)
    return {name: offers for name, offers in sorted(found.items()) if offers}


def only(kind: str, name: str, offers: list[Offer]) -> Offer:
    """Return the one of `offers`; raise UsageError where several packages offer the name."""
    if len(offers) > 1:
        who = " and ".join(sorted(each.package for each in offers))
        raise UsageError(f"the {kind} '{name}' is offered by {who}; uninstall all of them but one")
    return offers[0]


def named_modules() -> list[str]:
    """Return the modules that SADARI_PLUGINS names, and so --plugins."""
    return [each.strip() for each in os.environ.get(VARIABLE, "").split(",") if each.strip()]


def require_module_name(name: str) -> None:
    """Raise UsageError for a text that is no name of a module, such as the path of its file."""
    if _MODULE.fullmatch(name) and not name.endswith(".py"):
        return
    stem = Path(name).name.removesuffix(".py")
    how = "such as my_layers or my_package.metrics"
    if name.endswith(".py") and _MODULE.fullmatch(stem):
        how = f"not its file: write --plugins {stem} in the folder of {stem}.py"
    raise UsageError(f"--plugins (or {VARIABLE}) takes the name of a module, {how}; '{name}' is none")


def import_named() -> None:
    """Import the named modules, each once; they may be in the current folder. Raises UsageError naming a wrong one."""
    for name in named_modules():
        if name not in _asked:
            _asked[name] = ""  # before it is imported, since it may ask a registry itself
            _asked[name] = _import(name)
        if _asked[name]:
            raise UsageError(_asked[name])


def modules_here() -> list[str]:
    """Return the modules whose decorators offer something in this process; another one imports the same, by name."""
    return list(dict.fromkeys(each.module for offers in _decorated.values() for each in offers))


def standing() -> tuple[object, ...]:
    """Return a value that differs as soon as something else may be offered; a training asks for it in every step."""
    return id(_decorated), len(_registered), os.environ.get(VARIABLE), *sys.path


def for_workers() -> dict[str, str]:
    """Return the variable of the environment by which a worker process imports the modules that offer plug-ins here.

    They are those that are imported in this process already. Empty where there are none.
    """
    modules = [each for each in dict.fromkeys((*named_modules(), *modules_here())) if each != SCRIPT]
    return {VARIABLE: ",".join(modules)} if modules else {}


def warn(sentence: str) -> None:
    """Report that something which others offer is left out; the command line prints it, Python warns."""
    warnings.warn(sentence, PluginWarning, stacklevel=3)


def _import(name: str) -> str:
    """Import a named module and return "", or why that failed."""
    try:
        require_module_name(name)
    except UsageError as error:
        return str(error)
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # behind everything that is installed
    try:
        import_module(name)
    except (Exception, SystemExit) as error:
        return f"--plugins (or {VARIABLE}) names the module '{name}', which cannot be imported ({_reason(error)})"
    return ""


def _reason(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _entries(group: str) -> tuple[EntryPoint, ...]:
    """Return the entry points of a group; those of packages that are installed later in this process are not seen."""
    return _entries_on(group, tuple(sys.path))


@cache
def _entries_on(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    del path  # of which `entry_points` reads the metadata: the key of the cache
    return tuple(entry_points(group=group))


def _of_entry(kind: str, entry: EntryPoint) -> Offer:
    about: Callable[[str], str] = lambda key: str(getattr(entry.dist, key, "") or "")  # noqa: E731
    return Offer(kind, entry.name, entry.module, about("name"), about("version"), entry=entry)


def _top(module: str) -> str:
    return module.partition(".")[0]
