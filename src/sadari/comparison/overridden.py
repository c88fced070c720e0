"""What of a study does the command line replace, and which of its sentences and figures are untrue then?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sadari.comparison.command import MACHINE
from sadari.comparison.request import Comparison, data_name
from sadari.comparison.seeds.chosen import Seeds
from sadari.comparison.variants import Arm, typed
from sadari.errors import UsageError
from sadari.settings import Value, setting_names, unknown_setting

DATA, SEEDS = "data", "seeds"  # beside settings and variables: what notes can be about
AMOUNT = ("epochs", "train_fraction")  # how much is trained: may be replaced in arms that set it themselves
NEUTRAL = (*MACHINE, "cache")  # settings that decide nothing about a result


@dataclass(frozen=True)
class Note:
    """A sentence of a study. about: the settings that it speaks of; None where the study does not say, so all."""

    text: str
    about: tuple[str, ...] | None = None

    def holds(self, changed: Sequence[str]) -> bool:
        """Return whether none of the settings that it speaks of is among those that were `changed`."""
        return not changed if self.about is None else not set(self.about) & set(changed)


@dataclass(frozen=True)
class Overridden:
    """What the command line replaces of a study. changes: what is said of each setting, `data` and `seeds`, by key."""

    changes: Mapping[str, str]

    def title(self, title: str) -> str:
        """Return the title of the study with what it cannot know."""
        return f"{title} (changed: {', '.join(self.changes)})" if title and self.changes else title

    def notes(self, notes: Sequence[Note], published: bool) -> tuple[str, ...]:
        """Return the notes that are still true, below one that lists what was replaced.

        published: whether the study has published figures.
        """
        kept = tuple(note.text for note in notes if note.holds(tuple(self.changes)))
        if not self.changes:
            return kept
        gone = ["notes"] if len(kept) < len(notes) else []
        gone += ["published figures"] if published and not self.keeps_published else []
        left_out = f"; {' and '.join(gone)} that may speak of it are left out" if gone else ""
        return (f"not as the study has it: {', '.join(self.changes.values())}{left_out}", *kept)

    @property
    def keeps_published(self) -> bool:
        """Return whether published figures still stand for the same experiment: other seeds repeat it."""
        return set(self.changes) <= {SEEDS}


def read_notes(value: Any) -> tuple[Note, ...]:
    """Read `notes` of a study: sentences, or tables { note = "...", about = ["epochs"] }; raises UsageError."""
    if not isinstance(value, list):
        raise UsageError('`notes` is a list of sentences: notes = ["..."]')
    return tuple(_note(each) for each in value)


def _note(value: Any) -> Note:
    if isinstance(value, str):
        return Note(value)
    table = value if isinstance(value, dict) else {}
    text, about = table.get("note"), table.get("about", [])
    if set(table) - {"note", "about"} or not isinstance(text, str) or not isinstance(about, list):
        raise UsageError('`notes` is a list of sentences, or of { note = "...", about = ["epochs"] }')
    return Note(text, tuple(map(str, about)))


def find_overridden(
    data: tuple[str, str],
    seeds: tuple[Seeds, Seeds],
    arms: Sequence[Arm],
    own: Sequence[Mapping[str, Value]],
    overrides: Mapping[str, Value],
) -> Overridden:
    """Return what differs from the study.

    data, seeds: of the study and of the request; the study's data may be "". own: the settings of the study for each of
    `arms`. overrides: those of the command line.
    """
    changes: dict[str, str] = {}
    if data[0] and data[0] != data[1]:
        changes[DATA] = f"data {data_name(data[1])} instead of {data_name(data[0])}"
    if seeds[0] != seeds[1]:
        changes[SEEDS] = f"seeds {seeds[1]} instead of {seeds[0]}"
    for key, value in overrides.items():
        pairs = [(arm, settings) for arm, settings in zip(arms, own, strict=True) if key in arm.overrides]
        before = dict.fromkeys(_shown(settings[key]) for _, settings in pairs if key in settings)
        same = [_is_same(arm, key, settings, value) for arm, settings in pairs]
        if key not in NEUTRAL and not all(same):
            changes[key] = f"{key} {_shown(value)}" + (f" instead of {' or '.join(before)}" if before else "")
    return Overridden(changes)


def require_free(
    name: str, varied: Mapping[str, object], own: Mapping[str, Value], overrides: Mapping[str, Value]
) -> None:
    """Raise UsageError where the command line sets what the arms called `name` vary, or set themselves.

    varied, own: of the arms' table. How much is trained may be replaced.
    """
    for key in overrides:
        if key in varied:
            raise UsageError(f"'{key}' is both set and varied, by the arm '{name}' of the study; keep one of them")
        if key in own and key not in (*AMOUNT, *NEUTRAL):
            raise UsageError(
                f"'{key}' is set here and by the arm '{name}' of the study itself, which that would make another arm; "
                "leave it out, or change the study"
            )


def require_used(arms: Sequence[Arm], overrides: Mapping[str, Value]) -> tuple[str, ...]:
    """Return a sentence for each override that some arms have no use for; raise UsageError for one that none knows."""
    variables = dict.fromkeys(name for arm in arms for name in arm.model.variables)
    sentences = []
    for key in overrides:
        if key not in variables and key not in setting_names():
            raise unknown_setting(key, [*variables, *setting_names()])
        without = list(dict.fromkeys(arm.name for arm in arms if not arm.model.uses(key)))
        if without:
            lack = "lacks" if len(without) == 1 else "lack"
            sentences.append(f"{key} is set; not for {', '.join(without)}, which {lack} it")
    return tuple(sentences)


def require_still_different(request: Comparison, overrides: Mapping[str, Value]) -> None:
    """Raise UsageError where arms of one model have the same settings once the command line replaced some."""
    seen: dict[str, str] = {}
    for arm in request.arms:
        definition = str(request.definition(arm))
        if overrides and definition in seen:
            said = ", ".join(f"{key}={_shown(value)}" for key, value in overrides.items())
            raise UsageError(f"with {said} the arms '{seen[definition]}' and '{arm.name}' are the same")
        seen[definition] = arm.name


def _is_same(arm: Arm, key: str, own: Mapping[str, Value], value: Value) -> bool:
    usual = {**arm.model.variables, **arm.model.settings}.get(key)
    before = own.get(key, usual)
    return before is not None and typed(arm.model, key, before) == typed(arm.model, key, value)


def _shown(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
