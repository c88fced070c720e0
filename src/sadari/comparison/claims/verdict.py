"""What did the test of a claim show? Values that are stored in `comparison.json` as they are."""

from dataclasses import dataclass

from sadari.evaluation.statistics import LEVEL

SUPPORTED, REFUTED, NOT_SHOWN = "supported", "refuted", "not shown"


@dataclass(frozen=True)
class Finding:
    """The answer to one question about `figure` of arm `a`, minus that of `b` where there is one, and `bound`.

    value, low, high: the estimate with its 95 % interval, in the unit of the figure. margin: None where the question is
    whether the figure is above or below `bound`; otherwise whether it is closer to `bound` than that. p: corrected by
    Holm's method over all questions of the study. seeds: of the arm that has fewest. wanting: what the runs do not
    store, and what follows for the interval; "" where nothing is missing. alike: several seeds that are one network in
    each arm, as those of a model without chance. basis: on what it rests, where the parts were drawn anew.
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
    wanting: str = ""
    alike: bool = False
    basis: str = ""

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
    """The verdict on one claim. claim: as it was tested; words: as its author says it. verdict: one of the three words.

    sentence: the numbers, or why there are none. findings: its evidence, empty where nothing could be measured.
    """

    claim: str
    words: str
    verdict: str
    sentence: str
    findings: tuple[Finding, ...] = ()
