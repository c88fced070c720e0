"""Which code has the user named in this process? Only that is ever run; what a file on disk names is not. No torch.

A run stores the name and the digest of its code (`source.py`), never the code. Whatever opens it later runs code that
the user named in the same process: `--model` and `--model-code` on the command line, `model=` and `model_code=` in
Python.
"""

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sadari.errors import SadariError, UsageError
from sadari.models.own.reference import (
    Maker,
    import_maker,
    is_importable,
    is_of_main,
    reference_of,
    short_name,
)
from sadari.models.own.source import source_digest
from sadari.plugins.offers import offered
from sadari.settings import Value, setting_names

# What a maker may be given, as parameters of these names.
IMAGE_SHAPE, CLASSES = "image_shape", "classes"
GIVEN = (IMAGE_SHAPE, CLASSES)


@dataclass(frozen=True, eq=False)
class Code:
    """A class or function of the user that makes a network.

    reference: as the user or Python names it. digest: of its source. wants: those of GIVEN that it declares.
    variables: its other parameters that have a number, a text, true or false as default, with that. importable:
    whether another process finds it by its reference.
    """

    reference: str
    maker: Maker
    digest: str
    wants: tuple[str, ...]
    variables: Mapping[str, Value]
    importable: bool

    @property
    def name(self) -> str:
        """Return its name without the module."""
        return short_name(self.reference)

    def layer(self, reference: str = "") -> str:
        """Return the one layer of such a network in text, as `spec.Own` reads it. reference: under which name."""
        variables = "".join(f" {name}=${name}" for name in self.variables)
        return f"own {reference or self.reference} code {self.digest}{variables}"


class NotNamedError(SadariError):
    """A run's network is code that the user has not named in this process."""


_NAMED: dict[str, Code] = {}


def name_code(maker: Maker, reference: str = "") -> Code:
    """Take note that the user named `maker`, and return what is known of it.

    reference: as the user typed it. Raises UsageError for what makes no network, and for parameters that nobody gives.
    """
    own, typed = reference_of(maker), reference
    reference = own if not reference or is_importable(own, maker) else reference
    known = _NAMED.get(reference)
    if known is not None and known.maker is maker:  # its file may have changed since it was imported
        _NAMED[typed or reference] = known
        return known
    wants, variables = _parameters(maker, reference)
    importable = is_importable(reference, maker)
    code = Code(reference, maker, source_digest(maker), wants, variables, importable)
    _NAMED[reference] = _NAMED[typed or reference] = code
    return code


def let_run(codes: Maker | str | Iterable[Maker | str] | None) -> None:
    """Let networks of these classes and functions, or texts such as package.module:make_net, run in this process.

    Raises UsageError as `import_maker` and `name_code` do.
    """
    if codes is None:
        return
    listed = [codes] if isinstance(codes, str) or callable(codes) else codes
    for each in listed:
        if isinstance(each, str):
            name_code(import_maker(each), each)
        else:
            name_code(each)


def find_code(reference: str, digest: str = "") -> Code:
    """Return the code that the user named as `reference`, or named otherwise with the same source.

    digest: of the source that is looked for; under the same name another one is returned nevertheless, and the caller
    says so. A model of an installed plug-in needs no naming. Raises NotNamedError with what to type where there is
    none.
    """
    if reference in _NAMED:
        return _NAMED[reference]
    same = [each for each in _NAMED.values() if digest and each.digest == digest]
    if same:
        return same[-1]
    if installed := _installed(reference):
        return installed
    other = next((name for name, each in _NAMED.items() if each.name == short_name(reference)), "")
    but = f"; {other}, which you named, has another source" if other else ""
    short, where = short_name(reference), reference
    if is_of_main(reference):
        where = f"net:{short}, with {short} in a file net.py"
    raise NotNamedError(
        f"this network is code of yours, {reference}, which runs only when you name it: add --model-code {where} (in "
        f"Python, model_code={short}){but}"
    )


def _installed(reference: str) -> Code | None:
    """Return the code that an installed package offers as a model, and is `reference`: installing it is trusting it."""
    for offer in offered("model").get(short_name(reference), []):
        made = offer.load().made if offer.entry is not None else None
        if callable(made) and reference_of(made) == reference:
            return name_code(made, reference)
    return None


def _parameters(maker: Maker, reference: str) -> tuple[tuple[str, ...], dict[str, Value]]:
    """Return which of GIVEN a maker declares, and its variables with their defaults."""
    try:
        parameters = inspect.signature(maker).parameters.values()
    except (TypeError, ValueError):
        raise UsageError(
            f"Python does not say which parameters {reference} has; write a function that calls it"
        ) from None
    named = [each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    unknown = [
        each.name for each in parameters
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        and (each.name not in GIVEN or each.kind is each.POSITIONAL_ONLY)
    ]  # fmt: skip
    if unknown:
        raise UsageError(
            f"{reference} needs {', '.join(unknown)}, which nobody gives it: a model is given {' and '.join(GIVEN)} "
            "where it declares them; give the others a default, or write a function that calls it"
        )
    variables: dict[str, Value] = {
        each.name: each.default for each in named
        if each.name not in GIVEN and isinstance(each.default, bool | int | float | str)
    }  # fmt: skip
    for name, value in variables.items():
        if name in setting_names():
            raise UsageError(f"the parameter '{name}' of {reference} has the name of a setting; choose another")
        require_text(name, value, reference)
    return tuple(each.name for each in named if each.name in GIVEN), variables


def require_text(name: str, value: Value, reference: str) -> None:
    """Raise UsageError for a value that a line of text cannot hold as `name=value`."""
    text = str(value)
    if "=" in text or " ".join(text.split()) != text:
        raise UsageError(f"the parameter '{name}' of {reference} is one text without '=' and line breaks, not {text!r}")
