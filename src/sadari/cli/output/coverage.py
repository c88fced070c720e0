"""How do conformal sets read on a terminal, and as JSON? What they promise, and what they held on the judged images."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sadari.evaluation.probabilities.conformal import Coverage
    from sadari.values import Predictions


def coverage_document(coverage: "Coverage", judged: "Predictions") -> dict[str, Any]:
    """Return what was promised and seen, as JSON; the thresholds are those of the classes in their order."""
    from sadari.evaluation.probabilities.conformal import seen

    about = {"wanted": coverage.wanted, "classwise": coverage.classwise, "validation_images": coverage.images}
    found = asdict(seen(coverage, judged))
    return {**about, **found, "thresholds": coverage.least.tolist(), "notes": list(coverage.notes)}


def coverage_lines(coverage: "Coverage | None", judged: "Predictions", split_name: str) -> list[str]:
    """Return the sentences on what the sets promise, and on what they held; none without a coverage."""
    from sadari.evaluation.probabilities.conformal import promise, seen, sentence

    if coverage is None:
        return []
    found = sentence(seen(coverage, judged), split_name)
    flatter = ["the validation images set the thresholds: this is no test of them"] if split_name == "val" else []
    return [promise(coverage), found, *coverage.notes, *flatter]
