"""Which images does a comparison with parts drawn anew use, and what should a reader know about them?"""

from dataclasses import replace

import numpy as np

from sadari.comparison.analysis.data_facts import DataFacts
from sadari.comparison.facts import facts_of, plain_facts
from sadari.comparison.request import Comparison, data_name
from sadari.comparison.splits.redraw import Redraw
from sadari.data.check import check
from sadari.data.copies.apart import DROP, REPORT, TOGETHER
from sadari.data.findings import Findings
from sadari.progress import Progress
from sadari.values import ImageSet, Split


def comparison_facts(
    request: Comparison, images: ImageSet, split: Split, progress: Progress, known: DataFacts | None = None
) -> DataFacts:
    """Return what a reader should know of the images. split: the first one. known: as in `facts_of`."""
    name = data_name(request.data)
    if request.redraw is None:
        return facts_of(name, images, split, progress, known)
    facts = redrawn_facts(request.redraw, plain_facts(name, images, split), len(images))
    if images.source_split.astype(bool).any():
        facts = replace(facts, origin=f"{facts.origin}; the splits that the source gives are pooled")
    facts = replace(facts, sentences=(*facts.sentences, *_about_fractions(request)))
    groups = len(images.group_names) if request.redraw.folds else 0
    return replace(searched(facts, images, progress, rules_of(request)), groups=groups)


def redrawn_facts(redraw: Redraw, facts: DataFacts, images: int) -> DataFacts:
    """Return `facts`, those of the first split, as they are of all of them: of folds, every image judges."""
    counts, facts = facts.counts, replace(facts, grouping=None, groups=0)
    sizes = ", ".join(f"{counts[name]:,} {name}" for name in ("train", "val", "test") if counts[name])
    if redraw.folds:
        again = f", drawn {redraw.repeats} times" if redraw.repeats > 1 else ""
        origin = (
            f"{redraw.folds} folds{again}, stratified: each image judged once"
            f"{' in each' if again else ''} by a model that has not seen it ({sizes})"
        )
        return replace(facts, counts={**counts, "test": images}, origin=origin)
    return replace(facts, origin=f"{redraw.splits} splits of all images, each drawn anew, stratified ({sizes})")


def _about_fractions(request: Comparison) -> tuple[str, ...]:
    """Say that arms leave out different numbers of images for validation: the sizes above are those of one arm."""
    fractions = {request.job(arm, request.seeds[0]).settings.val_fraction for arm in request.arms}
    if len(fractions) == 1:
        return ()
    named = ", ".join(f"{each:g}" for each in sorted(fractions))
    return (
        f"the arms have different val_fraction ({named}), so they learn from different numbers of images: a difference "
        "may be due to that; the sizes above are those of the arm with most",
    )


def rules_of(request: Comparison) -> frozenset[str]:
    """Return the values that the setting `copies` has in the arms."""
    return frozenset(request.job(arm, request.seeds[0]).settings.copies for arm in request.arms)


def searched(
    facts: DataFacts, images: ImageSet, progress: Progress, rules: frozenset[str] = frozenset({REPORT})
) -> DataFacts:
    """Return the facts with what a search of all pixels finds; copies can be on both sides of some split.

    rules: what the arms do with copies.
    """
    everything = np.arange(len(images), dtype=np.int64)
    findings = check(images, Split(everything, everything[:0], everything[:0], ""), progress=progress)
    alone = replace(findings, copies=(), near=findings.near and ())
    said = (*facts.sentences, *images.notes, *_about_copies(findings, rules), *alone.sentences)
    return replace(facts, leaks=_copies(findings) if REPORT in rules else 0, sentences=said)


def _copies(findings: Findings) -> int:
    """Count the images that have an identical or a near-copy."""
    identical = {id_ for group in findings.copies for id_ in group.ids}
    return len(identical | {id_ for pair in findings.near or () for id_ in pair.ids})


def _about_copies(findings: Findings, rules: frozenset[str]) -> tuple[str, ...]:
    copies = _copies(findings)
    if not copies:
        return ()
    have = f"{copies:,} images have an {'identical copy' if findings.near is None else 'identical or near-copy'}"
    said = f"{have}, which may train where the other judges; remove all but one"
    if REPORT not in rules:
        apart = {DROP: "is left out of training where the other judges", TOGETHER: "is on the same side of every split"}
        said = f"{have}, which {apart[min(rules)]} (copies={min(rules)})"
    labels = len(findings.contradictions)
    have = "picture has" if labels == 1 else "pictures have"
    return (said, *([f"{labels:,} {have} several labels; correct the labels"] if labels else []))
