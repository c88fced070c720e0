"""Why is the result of an entry out of date? What was asked then and what is asked now differ: a sentence for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sadari.settings import Settings

IMAGES, DECISIONS, SETTINGS, ARMS, SEEDS = "images", "decisions", "settings", "arms", "seeds"
CLAIMS, TEXT, JUDGING, VERSION, ORIGIN, FAILED = "claims", "text", "judging", "version", "origin", "failed"
TRAINING = (IMAGES, DECISIONS, SETTINGS, ARMS, SEEDS)  # for which runs are made; for others, they are judged again
NAMED = 3  # arms in one sentence


@dataclass(frozen=True)
class Reason:
    """One reason why a result is out of date. kind: one of the words above. sentence: for the user."""

    kind: str
    sentence: str


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Reason, ...]:
    """Return why `now` is not what was asked `then`; nothing where it is. Both as `asked_of_comparison` makes them."""
    reasons = [*_arms(then.get("arms", {}), now["arms"])]
    reasons += _seeds(then, now)
    if then.get("redraw") != now.get("redraw"):
        reasons.append(Reason(SEEDS, f"parts: {_drawn(then.get('redraw'))} -> {_drawn(now.get('redraw'))}"))
    for key in ("search", "objectives", "pruner", "seed"):
        if key in now and then.get(key) != now[key]:
            reasons.append(Reason(SETTINGS, f"{key}: {_text(then.get(key))} -> {_text(now[key])}"))
    reasons += _limit(then, now)
    reasons += _claims(then.get("claims", []), now.get("claims", []))
    for key, name in (("margin", "margin"), ("robustness", "robustness"), ("ensemble", "ensemble"), ("soups", "soup")):
        if key in now and then.get(key) != now[key]:
            reasons.append(Reason(JUDGING, f"{name}: {_text(then.get(key))} -> {_text(now[key])}"))
    texts = [name for name in ("title", "notes") if name in now and then.get(name) != now[name]]
    published = {name: arm.get("published", {}) for name, arm in now["arms"].items()}
    before = {name: arm.get("published", {}) for name, arm in then.get("arms", {}).items()}
    if any(before[name] != published[name] for name in published if name in before):
        texts.append("published figures")
    if texts:
        reasons.append(Reason(TEXT, f"{' and '.join(texts)} changed"))
    return tuple(reasons)


def images_differ(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Reason, ...]:
    """Return why the images are not those of `then`: other ones, or other decisions about them."""
    if then.get("fingerprint") == now["fingerprint"]:
        return ()
    reasons = []
    if then.get("without_decisions") != now["without_decisions"]:
        were, are = str(then.get("without_decisions", ""))[:8], now["without_decisions"][:8]
        reasons.append(Reason(IMAGES, f"the images changed since: fingerprint {were} -> {are}"))
    before, after = int(then.get("decisions", 0)), now["decisions"]
    if before != after:
        more = after - before
        what = "a decision was" if abs(more) == 1 else f"{abs(more):,} decisions were"
        done = "added" if more > 0 else "taken back"
        reasons.append(Reason(DECISIONS, f"{what} {done}: {before:,} -> {after:,} that change the set"))
    elif not reasons:
        reasons.append(Reason(DECISIONS, "decisions about its images changed"))
    return tuple(reasons)


def version_differs(then: str, now: str) -> tuple[Reason, ...]:
    """Return that the result was judged by another version, where it was."""
    return (
        () if then == now else (Reason(VERSION, f"judged by sadari {then or 'of an unknown version'}, here is {now}"),)
    )


def _arms(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Reason]:
    reasons = []
    if new := [name for name in now if name not in then]:
        reasons.append(Reason(ARMS, f"new: {_listed(new)}"))
    if gone := [name for name in then if name not in now]:
        reasons.append(Reason(ARMS, f"not asked for any more: {_listed(gone)}"))
    changed: dict[str, list[str]] = {}
    for name in now:
        for sentence in _changes(then[name], now[name]) if name in then else ():
            changed.setdefault(sentence, []).append(name)
    for sentence, names in changed.items():
        of = "all arms" if len(names) == len(now) > 1 else _listed(names)
        reasons.append(Reason(SETTINGS, f"{of}: {sentence}"))
    return reasons


def _changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what changed in the definition of one arm."""
    found = []
    if then["model"] != now["model"]:
        found.append(f"model {then['model']} -> {now['model']}")
    elif then["network"] != now["network"]:
        found.append(f"the layers of {now['model']} changed")
    for part in ("settings", "variables"):
        keys = dict.fromkeys((*then[part], *now[part]))
        found += [
            f"{key} {_value(then[part], key)} -> {_value(now[part], key)}"
            for key in keys
            if then[part].get(key) != now[part].get(key)
        ]
    return found


def _value(part: Mapping[str, Any], key: str) -> str:
    """Return the value of `key`, which is the default where it is not stored."""
    return _text(part[key] if key in part else getattr(Settings(), key, None))


def _seeds(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Reason]:
    before, after = then.get("seeds", []), now["seeds"]
    if now.get("redraw") or (before == after and then.get("auto", False) == now.get("auto", False)):
        return []
    was, is_ = (_seed_text(each.get("seeds", []), each.get("auto", False)) for each in (then, now))
    return [Reason(SEEDS, f"seeds: {was} -> {is_}")]


def _seed_text(seeds: Sequence[int], auto: bool) -> str:
    return f"auto, {len(seeds)} at most" if auto else ", ".join(map(str, seeds)) or "none"


def _limit(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Reason]:
    """Return that a search has more trials than then, or another time; fewer trials are there already."""
    trials, before = now.get("trials"), then.get("trials")
    if trials is not None and (before is None or trials > before):
        return [Reason(SEEDS, f"trials: {_text(before)} -> {trials}")]
    if now.get("budget") is not None and now["budget"] != then.get("budget"):
        return [Reason(SEEDS, f"budget: {_text(then.get('budget'))} -> {now['budget']:g} s")]
    return []


def _claims(then: Sequence[Mapping[str, str]], now: Sequence[Mapping[str, str]]) -> list[Reason]:
    were, are = [each["claim"] for each in then], [each["claim"] for each in now]
    new, gone = (sum(each not in other for each in some) for some, other in ((are, were), (were, are)))
    said = [
        f"{count} {'claim is' if count == 1 else 'claims are'} {word}"
        for count, word in ((new, "new"), (gone, "gone"))
        if count
    ]
    if not said and list(then) != list(now):
        said = ["the words or the order of claims changed"]
    return [Reason(CLAIMS, ", ".join(said))] if said else []


def _drawn(redraw: Mapping[str, Any] | None) -> str:
    return _text(redraw) if redraw else "one split"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={_text(each)}" for key, each in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return (
        "none" if value is None else '""' if value == "" else f"{value:g}" if isinstance(value, float) else str(value)
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
