"""Which model does a name mean? One of the ladder, a network of timm, a user's TOML file or code. No torch here."""

import re
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sadari.errors import UsageError
from sadari.files import expanded
from sadari.models.ladder import FINE_TUNING, LADDER
from sadari.models.own.model import own_model, recorded_own_model
from sadari.models.own.reference import TIMM, Maker, import_maker, is_own, short_name
from sadari.models.parse import parse
from sadari.models.spec import ModelSpec, read_model
from sadari.plugins.decorators import OfferedModel
from sadari.registry import Registry, unknown_name
from sadari.settings import Settings, with_overrides

OTHER_NAME = "the class or function another name"
_REGISTERED = re.compile(r"^@register_model\s+def (\w+)\(", re.MULTILINE)


def as_model(name: str, made: Any, _: Mapping[str, Any]) -> ModelSpec:
    """Return the network that a plug-in offers: what `sadari.model` returned, or a class or function that makes one.

    Raises TypeError, ValueError or UsageError for anything else.
    """
    if callable(made):
        made = own_model(made)
    if isinstance(made, OfferedModel):
        made = ModelSpec(made.name, made.summary, made.layers, made.variables, made.settings)
    if not isinstance(made, ModelSpec):
        raise TypeError(f"a model is what sadari.model(...) returns or what makes a network, not {type(made).__name__}")
    if made.name != name:
        raise ValueError(f"it calls itself '{made.name}'")
    if is_own(made.source):
        return made
    parse(made.layers, made.variables)
    with_overrides(Settings(), made.settings)
    return made


MODELS: Registry[ModelSpec] = Registry("model", adapt=as_model)
for _spec in LADDER:
    MODELS.add(_spec.name, _spec)


def find_model(name: str | Path | Maker) -> ModelSpec:
    """Return the model called `name`, or the one that the TOML file `name` describes. timm:NAME is a network of timm.

    package.module:make_net is code of the user, a class or function that makes the network, and is imported; it may
    also be given itself. Raises UsageError for an unknown name (with the nearest one), and for a file or code that is
    wrong or takes the name of a model of the ladder.
    """
    if not isinstance(name, str | Path):
        return _with_free_name(own_model(name), "a model", OTHER_NAME)
    if str(name).startswith(TIMM):
        return _of_timm(str(name))
    if is_own(str(name)):
        return _with_free_name(own_model(import_maker(str(name)), str(name)), str(name), OTHER_NAME)
    if not str(name).lower().endswith(".toml"):
        if name not in MODELS:
            raise _unknown(str(name))
        return MODELS.get(str(name))
    return _with_free_name(read_model(expanded(name).resolve()), str(name), "the network another `name`")


def _with_free_name(spec: ModelSpec, given: str, what: str) -> ModelSpec:
    if spec.name in MODELS:
        raise UsageError(f"{given}: '{spec.name}' is a model of the ladder already; give {what}")
    return spec


def recorded_model(reference: str, layers: str) -> ModelSpec:
    """Return the model of a stored run, without reading a user's file or code, which may have changed since.

    reference: as `ModelSpec.reference`. layers: as the run stored them.
    """
    if reference.startswith(TIMM):
        return _of_timm(reference)
    if reference in MODELS:
        return replace(MODELS.get(reference), layers=layers or MODELS.get(reference).layers)
    if is_own(reference):
        return recorded_own_model(reference, layers)
    return ModelSpec(name=Path(reference).stem, summary="", layers=layers, source=reference)


def short_reference(reference: str) -> str:
    """Return the name of a model for names of folders: of a file or code without where it is."""
    return short_name(reference) if is_own(reference) else Path(reference).stem


def _unknown(name: str) -> UsageError:
    """Return the error for an unknown model: a network of timm needs its prefix, and code the form MODULE:NAME."""
    if ":" in name or name.endswith(".py"):
        path, _, maker = name.partition(":")
        module, maker = Path(path).name.removesuffix(".py") or "net", maker or "make_net"
        return UsageError(
            f"'{name}' is no model; code that makes one is named as MODULE:NAME, without a path and .py: start in the "
            f"folder of {module}.py and write {module}:{maker}, or install its package"
        )
    if name.lower() in _names_of_timm():
        return UsageError(f"unknown model '{name}'; did you mean timm's network of that name, '{TIMM}{name.lower()}'?")
    error = unknown_name("model", name, MODELS.names())
    if "did you mean" in str(error):
        return error
    return UsageError(f"{error}; networks of timm are {TIMM}NAME, such as {TIMM}resnet18, and your own are .toml files")


def _names_of_timm() -> set[str]:
    """Return the names of timm's networks, from its source: to import it takes seconds, too long for a typo."""
    timm = find_spec("timm")
    if timm is None or timm.origin is None:
        return set()
    files = (Path(timm.origin).parent / "models").glob("*.py")
    return {name for each in files for name in _REGISTERED.findall(each.read_text(encoding="utf-8", errors="replace"))}


def _of_timm(name: str) -> ModelSpec:
    """Return a network of timm as a model, like fine-tune with that backbone. Whether timm has it is checked later."""
    backbone = name.removeprefix(TIMM)
    if not re.fullmatch(r"\w[\w.-]*", backbone):
        raise UsageError(f"timm:NAME takes the name of a network of timm, such as timm:resnet18, not '{name}'")
    return ModelSpec(
        name=name,
        summary=f"timm's {backbone}, pre-trained, and a class layer, trained further",
        layers=f"backbone {backbone} cut $cut train $train weights $weights, globalavgpool",
        variables={"cut": "end", "train": "all", "weights": "auto"},
        settings=FINE_TUNING,
    )
