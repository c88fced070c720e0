"""How does a class or function become a model like those of the ladder? As a `ModelSpec`. No torch here."""

import inspect
from collections.abc import Mapping
from typing import Any

from sadari.errors import SadariError, UsageError
from sadari.models.own.named import Code, find_code, name_code
from sadari.models.own.reference import Maker, import_maker, is_own, short_name
from sadari.models.own.spec import Own
from sadari.models.parse import parse
from sadari.models.spec import ModelSpec
from sadari.settings import Settings, Value, with_overrides


def own_model(
    maker: Maker,
    reference: str = "",
    *,
    name: str = "",
    summary: str = "",
    settings: Mapping[str, Value] | None = None,
) -> ModelSpec:
    """Return the model whose network `maker` makes: a subclass of torch.nn.Module, or a function that returns a module.

    reference: the text by which the user named it, such as package.module:make_net. name, summary: its own name and the
    first line of its docstring by default. settings: those that its runs have where the user sets no others. Its
    parameters `image_shape` and `classes` are given to it; others with a number, a text, true or false as default are
    variables of the model. Nothing is made yet. Raises UsageError for what makes no network.
    """
    code = name_code(maker, reference)
    with_overrides(Settings(), settings or {})
    return ModelSpec(
        name=name or code.name,
        summary=summary or _summary(maker),
        layers=code.layer(),
        variables=code.variables,
        settings=settings or {},
        source=code.reference,
    )


def stored_own_model(reference: str, layers: str) -> ModelSpec:
    """Return the model of a run that goes on, whose code is `reference`, as the code that the user named now makes it.

    layers: those that the run stored. The model has the run's own reference where the same code has another one now.
    Raises NotNamedError where the user named no such code.
    """
    code = find_code(reference, digest_in(layers))
    spec = own_model(code.maker, code.reference)
    return spec if code.reference == reference else _renamed(spec, code, reference)


def recorded_own_model(reference: str, layers: str) -> ModelSpec:
    """Return the model of a stored run to read its results; no code is needed for that, and none is run."""
    return ModelSpec(name=short_name(reference), summary="", layers=layers, source=reference)


def code_for_worker(spec: ModelSpec) -> dict[str, str]:
    """Return what another process needs to train `spec` where it is code that the user named: its name and layers."""
    return {"code": spec.source, "code_layers": spec.layers} if is_own(spec.source) else {}


def only_here(spec: ModelSpec) -> str:
    """Return why no other process can train `spec`: it cannot import code of a script or notebook; "" where it can."""
    if not is_own(spec.source) or find_code(spec.source, digest_in(spec.layers)).importable:
        return ""
    return f"{spec.name} is code of a script or notebook, which no other process can import; put it into a file"


def let_worker_run(orders: Mapping[str, Any]) -> None:
    """Import the code that the orders of another process name, where they name some, as `code_for_worker` gave it.

    Raises UsageError where it cannot be imported, SadariError where its source is not as it was there.
    """
    if "code" not in orders:
        return
    spec = own_model(import_maker(orders["code"]), orders["code"])
    if spec.layers != orders["code_layers"]:
        raise SadariError(f"the source of {orders['code']} has changed since the work began; start it again")


def digest_in(layers: str) -> str:
    """Return the digest of the code that a list of layers in text names; "" where it names none."""
    if not layers.lstrip().startswith("own "):
        return ""
    try:
        found = parse(layers.replace("$", ""), {})
    except UsageError:
        return ""
    return next((each.digest for each in found if isinstance(each, Own)), "")


def _renamed(spec: ModelSpec, code: Code, reference: str) -> ModelSpec:
    return ModelSpec(spec.name, spec.summary, code.layer(reference), spec.variables, spec.settings, source=reference)


def _summary(maker: Maker) -> str:
    lines = (inspect.getdoc(maker) or "").strip().splitlines()
    inherited = isinstance(maker, type) and "__doc__" not in vars(maker)
    return "" if inherited or not lines else lines[0].strip()
