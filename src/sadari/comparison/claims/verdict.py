"""What came of putting a claim to the test? As values, which go into `comparison.json` as they are."""

from dataclasses import dataclass

from sadari.evaluation.statistics import LEVEL

SUPPORTED, REFUTED, NOT_SHOWN = "supported", "refuted", "not shown"


@dataclass(frozen=True)
class Finding:
    """The answer to one question: where does `figure` of arm `a`, minus that of `b` where there is one, lie to `bound`?

    value, low, high: the estimate with its 95 % interval, in the unit of the figure. margin: None where the question is
    whether it lies above or below `bound`; otherwise whether it lies closer to `bound` than that. p: corrected by
    Holm's method over all questions of the study. seeds: of the arm that has fewest.
    """

    figure: str
    a: str
    b: str
    value: float
    low: float
    high: float
    bound: float
    margin: float | None
    p: float
    seeds: int

    @property
    def above(self) -> bool:
        return self._shown and self.margin is None and self.value > self.bound

    @property
    def below(self) -> bool:
        return self._shown and self.margin is None and self.value < self.bound

    @property
    def equal(self) -> bool:
        return self._shown and self.margin is not None and abs(self.value - self.bound) < self.margin

    @property
    def apart(self) -> bool:
        return self._shown and self.margin is not None and abs(self.value - self.bound) > self.margin

    @property
    def _shown(self) -> bool:
        return self.p < LEVEL


@dataclass(frozen=True)
class ClaimVerdict:
    """Does a claim hold? claim: as it was tested; words: as its author says it. verdict: one of the three words.

    sentence: the numbers, or why there are none. findings: what it rests on, empty where nothing could be measured.
    """

    claim: str
    words: str
    verdict: str
    sentence: str
    findings: tuple[Finding, ...] = ()
