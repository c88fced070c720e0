"""Which level of a tree of folders has the classes, and which one has the splits?"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sadari.errors import SadariError, UsageError
from sadari.values import SPLITS

AUTO, NONE = "auto", "none"
SPLIT_NAMES = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
# Stems that count where all top folders hold the same folders: whole words in Latin letters, parts of other names.
STEMS = {
    **SPLIT_NAMES, "holdout": "test", "trn": "train", "tst": "test", "develop": "val", "development": "val",
    "학습": "train", "훈련": "train", "트레이닝": "train", "검증": "val", "평가": "test", "시험": "test",
    "테스트": "test",
    "訓練": "train", "学習": "train", "検証": "val", "評価": "test", "試験": "test", "テスト": "test",
    "训练": "train", "验证": "val", "测试": "test", "评估": "test", "驗證": "val", "測試": "test", "評估": "test",
}  # fmt: skip
# Assumed: more folders that hold the same folders are classes; a set has training, validation and a few test splits.
MOST_SPLITS = 5
SHAPE = "put the images of each class into a folder named after the class, at the top or inside train/ and test/"
# The name of a folder ends where the next split begins, since it may have spaces of its own.
PAIR = re.compile(rf"({'|'.join(SPLITS)})=(.+?)(?=[ ,]+(?:{'|'.join(SPLITS)})=|\s*$)")
LATIN = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class Levels:
    """Where class and split of an image are in the segments of its path.

    class_at: the position of the class. split_at: that of the split; None where there are no splits. splits: the split
    of each folder there. twice: top folders that hold only a folder of their own name, whose class is one further in.
    left_out: top folders whose images are in no class folder, beside splits.
    """

    class_at: int = 0
    split_at: int | None = None
    splits: Mapping[str, str] = field(default_factory=dict)
    twice: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()

    def class_of(self, segments: Sequence[str]) -> str:
        """Return the class of the image at `segments`."""
        return segments[self.depth(segments[0])]

    def depth(self, top: str) -> int:
        """Return the position of the class in paths that begin with `top`."""
        return self.class_at + (top in self.twice)

    def split_of(self, segments: Sequence[str]) -> str:
        """Return the split of the image at `segments`, "" where there are none."""
        return "" if self.split_at is None else self.splits[segments[self.split_at]]


def find_levels(images: Iterable[Sequence[str]], where: str, wanted: str = AUTO) -> Levels:
    """Find classes and splits in the paths of `images`, each at least a folder and a file.

    Top folders are splits where all have the name of one and hold folders only; or where all hold the same folders,
    whatever the language of their names. Beside splits of the same classes, a folder without class folders, such as
    that of a competition's unlabelled images, is left out. wanted: "auto"; "none", where top folders are classes; or
    the split of each top folder, `train=A test=B`. One folder that wraps the classes of every split is skipped. Raises
    SadariError where folders could be either, UsageError for a wrong `wanted`.
    """
    images = list(images)
    if wanted == NONE:
        return Levels()
    twice = _holding_themselves(images) or _wrapped_alike(images, _pairs(wanted))
    inside: dict[str, set[str]] = defaultdict(set)
    shallow: set[str] = set()
    for segments in images:
        if len(segments) - (segments[0] in twice) > 2:
            inside[segments[0]].add(segments[1 + (segments[0] in twice)])
        else:
            shallow.add(segments[0])
    tops = sorted({segments[0] for segments in images})
    flat = _without_class_folders(images, twice)
    if wanted != AUTO:
        named = _named_by_user(wanted, tops, shallow, flat, where)
        return Levels(1, 0, named, twice, frozenset(tops) - named.keys())
    known = {top: split for top in tops if (split := split_of(top))}
    if not shallow and len(tops) > 1:
        shared = set.intersection(*inside.values())
        if len(known) == len(tops) and shared:
            return Levels(1, 0, known, twice)
        if all(folders == shared for folders in inside.values()) and len(shared) > 1:
            if all(split_of(each) for each in shared):
                return Levels(0, 1, {each: split_of(each) for each in shared})
            if len(tops) <= MOST_SPLITS:
                raise SadariError(_either(tops, shared, where))
    splits = {top: split for top, split in known.items() if top not in flat}
    if _hold_the_same_classes(splits, inside):
        _refuse_others(splits, tops, shallow, flat, where)
        return Levels(1, 0, splits, twice, frozenset(tops) - splits.keys())
    exact = {top: SPLIT_NAMES[top.lower()] for top in tops if top.lower() in SPLIT_NAMES}
    _refuse_mixture(exact, tops, shallow, where)
    return Levels(1, 0, exact, twice & exact.keys()) if exact.keys() - shallow else Levels()


def split_of(name: str) -> str:
    """Return the split that the name of a folder means, "" where it means none or several."""
    lower = name.lower()
    means = {STEMS[word] for word in LATIN.findall(lower) if word in STEMS}
    means |= {split for stem, split in STEMS.items() if not stem.isascii() and stem in lower}
    return means.pop() if len(means) == 1 else ""


def _holding_themselves(images: Sequence[Sequence[str]]) -> frozenset[str]:
    """Return the top folders with a split's name where every image is in a folder of the same name inside."""
    others = {segments[0] for segments in images if len(segments) < 4 or segments[1] != segments[0]}
    return frozenset(top for top in {segments[0] for segments in images} - others if split_of(top))


def _wrapped_alike(images: Sequence[Sequence[str]], named: Mapping[str, str]) -> frozenset[str]:
    """Return all top folders where each is a split, by `named` or by its name, and the one folder inside wraps classes.

    That folder has the same name in each, such as `images`, and the splits have several classes in common below it.
    """
    inside: dict[str, set[str]] = defaultdict(set)
    for segments in images:
        inside[segments[0]].add(segments[2] if len(segments) > 3 else "")
    classes = set.intersection(*inside.values())
    wrapping = {segments[1] for segments in images} if all("" not in each for each in inside.values()) else set()
    splits = [named.get(top, "") if named else split_of(top) for top in inside]
    alike = len(inside) > 1 and len(wrapping) == 1 and len(classes) > 1 and all(splits)
    return frozenset(inside) if alike else frozenset()


def _without_class_folders(images: Sequence[Sequence[str]], twice: frozenset[str]) -> frozenset[str]:
    """Return the top folders whose images are all directly in them, or in a folder of their own name inside."""
    deeper = {each[0] for each in images if len(each) > 3 or (len(each) == 3 and each[1] != each[0])}
    return frozenset({each[0] for each in images} - deeper - twice)


def _hold_the_same_classes(splits: Mapping[str, str], inside: Mapping[str, set[str]]) -> bool:
    """Return whether the `splits` are of one set: for training and something else, with several classes in common."""
    if len(set(splits.values())) < 2 or "train" not in splits.values():
        return False
    return len(set.intersection(*(inside[top] for top in splits))) > 1


def _refuse_others(
    splits: Mapping[str, str], tops: Sequence[str], shallow: set[str], flat: frozenset[str], where: str
) -> None:
    """Raise SadariError where beside `splits` there is more than folders that can be left out."""
    setting = " ".join(f"{split}={top}" for top, split in splits.items())
    stray = next((top for top in tops if top in shallow and (top in splits or split_of(top))), None)
    if stray in splits:
        raise SadariError(f"{where}/{stray} holds images outside class folders; {SHAPE}")
    if stray is not None:
        raise SadariError(
            f"{where}/{stray} holds images outside class folders; {SHAPE}, or leave that folder out with "
            f"--set split_folders='{setting}'"
        )
    other = next((top for top in tops if top not in splits and top not in flat), None)
    if other is not None:
        raise SadariError(_beside(where, next(iter(splits)), other))


def _beside(where: str, split: str, other: str) -> str:
    return (
        f"{where} holds the split folder '{split}' beside '{other}', which is none; move or rename one of them, say "
        "which are splits with --set split_folders='train=A test=B', or set split_folders=none where both are classes"
    )


def _named_by_user(
    wanted: str, tops: Sequence[str], shallow: set[str], flat: frozenset[str], where: str
) -> dict[str, str]:
    named = _pairs(wanted)
    if not named:
        raise UsageError(f"split_folders is auto, none, or such as 'train=A test=B', not '{wanted}'")
    if named.keys() - set(tops) or set(tops) - named.keys() - flat:
        raise UsageError(
            f"{where} holds the folders {', '.join(tops)}, and split_folders is '{wanted}'; name each that holds class "
            "folders once"
        )
    stray = sorted(shallow & named.keys())
    if stray:
        raise SadariError(f"{where}/{stray[0]} holds images outside class folders; {SHAPE}")
    return named


def _pairs(wanted: str) -> dict[str, str]:
    """Return the split of each folder that `wanted` names, as in `train=my photos test=B`; {} where it is no list."""
    pairs = PAIR.findall(wanted)
    if re.sub(r"[ ,]+", "", PAIR.sub("", wanted)):
        return {}
    return {folder.strip(" ,"): split for split, folder in pairs}


def _refuse_mixture(exact: Mapping[str, str], tops: Sequence[str], shallow: set[str], where: str) -> None:
    splits = [top for top in exact if top not in shallow]
    others = [top for top in tops if top not in splits]
    if len(exact) == len(tops) and others:
        raise SadariError(f"{where}/{others[0]} holds images outside class folders; {SHAPE}")
    if splits and others:
        raise SadariError(_beside(where, splits[0], others[0]))


def _either(tops: Sequence[str], shared: Iterable[str], where: str) -> str:
    named = ", ".join(sorted(shared)[:3])
    known = {split: top for top in reversed(tops) if (split := split_of(top))}
    others = [top for top in tops if top not in known.values()]
    missing = [split for split in ("train", "test", "val") if split not in known]
    known |= dict(zip(missing, others, strict=False))
    example = " ".join(f"{split}={known[split]}" for split in ("train", "test", "val") if split in known)
    return (
        f"the folders {', '.join(tops)} of {where} all hold the same folders ({named}): are they splits or classes? "
        f"Say it with --set split_folders='{example}', or with --set split_folders=none where they are the classes"
    )
