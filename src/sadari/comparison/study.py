"""What does a study file contain? A comparison whose arms have their own settings, published figures, and claims.

title = "six networks on Fashion-MNIST"
data = "fashion-mnist"
seeds = [42]                       # or a count: seeds = 3 means 0, 1, 2; or "auto:10": until all is decided
notes = ["what a reader should know", { note = "10 epochs instead of 30", about = ["epochs"] }]
source = "A0"                      # the origin of the claims
ensemble = true                    # one more arm, `ensemble`, averages the others
soup = true                        # one more arm for each that is fine-tuned, with the mean weights of its runs

[settings]                         # of all arms
epochs = 30

[[arms]]                           # or, without settings of their own: models = ["mlp", "cnn"], above [settings]
name = "mlp"                       # the model's name where it is left out
model = "mlp"                      # a model, or a TOML file beside this one
settings = { batch_size = 256 }    # of this arm
vary = { dropout = "0:0.9:0.1" }   # one arm for each value: a list of values, or text as --vary takes it
published = { accuracy = 0.8865, loss = 0.3276 }

[[claims]]                         # or, without words: claims = ["cnn > mlp"], above [settings]
claim = "cnn > mlp"                # `claims/parse.py` has the syntax
words = "the CNN beats the MLP"
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sadari.comparison.claims.claim import Claim
from sadari.comparison.claims.parse import parse_claim
from sadari.comparison.ensembles.job import with_soups
from sadari.comparison.overridden import (
    find_overridden,
    read_notes,
    require_free,
    require_still_different,
    require_used,
)
from sadari.comparison.request import Comparison
from sadari.comparison.seeds.chosen import Seeds, with_looks
from sadari.comparison.splits.redraw import Redraw, redraw_of
from sadari.comparison.variants import Arm, expand, parse_vary
from sadari.errors import UsageError
from sadari.evaluation.metrics import METRICS
from sadari.files import read_toml
from sadari.models.catalog import find_model
from sadari.models.own.model import stored_own_model
from sadari.models.own.reference import is_own
from sadari.registry import unknown_name
from sadari.settings import Value

DRAWS = ("splits", "folds", "repeats")  # how the parts are drawn anew; `seeds` are for each draw then
KEYS = (
    *("title", "source", "data", "seeds", "notes", "settings", "models", "arms", "claims", "ensemble", "soup"),
    *DRAWS,
)
ARM_KEYS = ("name", "model", "settings", "vary", "published")
CLAIM_KEYS = ("claim", "words")


@dataclass(frozen=True)
class Study:
    """The content of a study file: the comparison, sentences for below its table, and claims about its arms.

    notes: those that are still true with what the command line replaced, which they list. said: overrides that some
    arms have no use for. source: the origin of the claims, or "".
    """

    request: Comparison
    notes: tuple[str, ...]
    said: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    source: str = ""


def read_study(
    path: Path,
    *,
    data: str | None = None,
    seeds: Seeds | Sequence[int] | None = None,
    overrides: Mapping[str, Value] | None = None,
) -> Study:
    """Read the TOML file at `path`.

    data, seeds: instead of the file's. overrides: settings that replace those of all arms, but not what an arm varies
    or sets itself. Notes and published figures are left out where something that they speak of is replaced. A path in
    the file that exists beside the file is taken from there. Raises UsageError naming the file and what is wrong in it.
    """
    document = read_toml(path, "study")
    try:
        return study_of(document, path, data, seeds, overrides or {})
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def study_of(
    document: Mapping[str, Any],
    path: Path,
    data: str | None = None,
    seeds: Seeds | Sequence[int] | None = None,
    overrides: Mapping[str, Value] = MappingProxyType({}),
) -> Study:
    """Return the study that `document` describes. path: its file. Others, and what is raised: as of `read_study`."""
    require_known(document, KEYS, "key")
    own_data = beside(path, text_of(document, "data"))
    data = data or own_data
    if not data:
        raise UsageError('a study says on which images: add data = "fashion-mnist", or give --data')
    tables = _arm_tables(document)
    common = table_of(document, "settings", "settings")
    arms, own = [], []
    for table in tables:
        expanded = _arms(table, path, common, overrides)
        arms += expanded
        own += [{**common, **table_of(table, "settings", "settings of an arm")}] * len(expanded)
    said = require_used(arms, overrides)
    own_seeds = _seeds(document.get("seeds", 1))
    seeds = Seeds.of(seeds) if seeds is not None else own_seeds
    changed = find_overridden((own_data, data), (own_seeds, seeds), arms, own, overrides)
    notes = changed.notes(read_notes(document.get("notes", [])), any(arm.published for arm in arms))
    redraw = _redraw(document, seeds)
    request = Comparison(
        data=data,
        arms=tuple(arms if changed.keeps_published else (replace(arm, published={}) for arm in arms)),
        seeds=redraw.all_seeds if redraw else seeds.those,
        redraw=redraw,
        title=changed.title(text_of(document, "title")),
        name=path.stem,
        notes=notes,
        ensemble=yes_or_no(document, "ensemble"),
    )
    for arm in request.arms:
        _require_resolvable(request, arm)
    require_still_different(request, overrides)
    request, without = with_soups(request) if yes_or_no(document, "soup") else (request, ())
    request = with_looks(request, seeds)
    return Study(request, notes, (*said, *without), _claims(document, request), text_of(document, "source"))


def _arm_tables(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the tables of `arms`; of `models`, which is shorter, one with the model alone for each."""
    tables, models = document.get("arms"), document.get("models")
    if models is not None:
        if tables is not None:
            raise UsageError("`models` is short for arms without settings of their own; leave one of the two out")
        if not isinstance(models, list) or not models or not all(isinstance(each, str) for each in models):
            raise UsageError(f'`models` is a list of names: models = ["logistic", "cnn"], not {models}')
        return [{"model": each} for each in models]
    if not isinstance(tables, list) or not tables or not all(isinstance(each, dict) for each in tables):
        raise UsageError('a study has arms: add [[arms]] and below it model = ..., or models = ["cnn", "mlp"]')
    return tables


def _claims(document: Mapping[str, Any], request: Comparison) -> tuple[Claim, ...]:
    listed = document.get("claims", [])
    if not isinstance(listed, list) or not all(isinstance(each, str | dict) for each in listed):
        raise UsageError('`claims` is a list of claims: claims = ["cnn > mlp"]')
    tables = [{"claim": each} if isinstance(each, str) else each for each in listed]
    for table in tables:
        require_known(table, CLAIM_KEYS, "key of [[claims]]")
        if not text_of(table, "claim"):
            raise UsageError('every [[claims]] says what is claimed: add claim = "cnn > mlp"')
    settings = {arm.name: arm.overrides for arm in request.judged_arms}
    return tuple(parse_claim(text_of(table, "claim"), settings, text_of(table, "words")) for table in tables)


def _arms(
    table: Mapping[str, Any], path: Path, common: Mapping[str, Value], overrides: Mapping[str, Value]
) -> list[Arm]:
    """Return the arms of one [[arms]] table: one, or one for each combination of its varied values."""
    require_known(table, ARM_KEYS, "key of [[arms]]")
    if not text_of(table, "model"):
        raise UsageError('every [[arms]] says which model: add model = "cnn"')
    named = text_of(table, "model")
    model = stored_own_model(named, "") if is_own(named) else find_model(beside(path, named))  # no file lets code run
    varied = {key: _values(key, value) for key, value in _vary(table).items()}
    own = table_of(table, "settings", "settings of an arm")
    require_free(text_of(table, "name") or model.name, varied, own, overrides)
    chosen = {**common, **own, **{key: value for key, value in overrides.items() if model.uses(key)}}
    expanded, _ = expand([model], varied, {key: value for key, value in chosen.items() if key not in varied})
    published = _published(table)
    name = text_of(table, "name") or model.name
    return [Arm(f"{name}{arm.name.removeprefix(model.name)}", model, arm.overrides, published) for arm in expanded]


def _values(key: str, value: Any) -> list[Value]:
    """Return the values of a varied key: those of a list as they are, or those that a text names as --vary does."""
    if isinstance(value, str):
        return parse_vary([f"{key}={value}"])[key]
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(each, bool | int | float | str) for each in values):
        raise UsageError(f"`vary` has a list of numbers or texts for {key}, not {value}")
    return values


def _vary(table: Mapping[str, Any]) -> dict[str, Any]:
    varied = table.get("vary", {})
    if not isinstance(varied, dict):
        raise UsageError('`vary` is a table: vary = { dropout = "0:0.9:0.1" }')
    return varied


def _published(table: Mapping[str, Any]) -> dict[str, float]:
    published = table_of(table, "published", "published figures")
    require_known(published, tuple(METRICS.names()), "published figure")
    for name, value in published.items():
        if isinstance(value, bool | str):
            raise UsageError(f"the published {name} is a number, not '{value}'")
        if METRICS.get(name).higher_is_better and not 0 <= value <= 1:
            raise UsageError(f"the published {name} is between 0 and 1, not {value}")
    return {name: float(value) for name, value in published.items()}


def _require_resolvable(request: Comparison, arm: Arm) -> None:
    try:
        request.job(arm, request.seeds[0])
    except UsageError as error:
        raise UsageError(f"{arm.name}: {error}") from None


def require_known(table: Mapping[str, Any], known: tuple[str, ...], kind: str) -> None:
    """Raise UsageError for a key of `table` that is not among `known`. kind: what it is, in the sentence."""
    for key in table:
        if key not in known:
            raise unknown_name(kind, key, list(known))


def _seeds(value: Any) -> Seeds:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return Seeds.of(value)
    if (
        isinstance(value, list)
        and value
        and all(isinstance(each, int) and not isinstance(each, bool) for each in value)
    ):
        return Seeds(tuple(value))
    raise UsageError(f'`seeds` is a count, a list of whole numbers or "auto", not {value}')


def _redraw(document: Mapping[str, Any], seeds: Seeds) -> Redraw | None:
    """Return how the parts are drawn anew. Raises UsageError where that, or the seeds, are no numbers."""
    numbers = {key: document[key] for key in DRAWS if key in document}
    for key, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise UsageError(f"`{key}` is a whole number, not {value}")
    if numbers and (seeds.looks or seeds.those != tuple(range(len(seeds.those)))):
        raise UsageError(f"`seeds` is a number beside `{next(iter(numbers))}`: how many for each draw")
    return redraw_of(**{key: numbers.get(key) for key in DRAWS}, seeds=len(seeds.those))


def yes_or_no(document: Mapping[str, Any], key: str) -> bool:
    """Return the value of `key`, false where there is none. Raises UsageError where it is neither."""
    value = document.get(key, False)
    if not isinstance(value, bool):
        raise UsageError(f"`{key}` is true or false, not {value}")
    return value


def text_of(table: Mapping[str, Any], key: str) -> str:
    """Return the text of `key`, "" where there is none. Raises UsageError where it is no text."""
    value = table.get(key, "")
    if not isinstance(value, str):
        raise UsageError(f"`{key}` is text, not {value}")
    return value


def table_of(table: Mapping[str, Any], key: str, what: str) -> dict[str, Value]:
    """Return the table of `key`, empty where there is none. Raises UsageError, in which `what` names it."""
    value = table.get(key, {})
    if not isinstance(value, dict) or not all(isinstance(each, bool | int | float | str) for each in value.values()):
        raise UsageError(f"the {what} are a table of numbers, texts, true and false, not {value}")
    return value


def beside(path: Path, name: str) -> str:
    """Return `name` as an absolute path where such a file or folder is beside the study, else as it is."""
    looks_like_path = "/" in name or "." in name
    beside = path.parent / name
    return str(beside.resolve()) if looks_like_path and beside.exists() else name
