"""Does a claim hold? It is *supported*, *refuted* or *not shown*; no claim is believed by default.

A claim is tested by questions: is a figure, or the difference of two, above or below a bound, or close to it? All
questions of a study are one family: their p are corrected together by Holm's step-down method (1979), each distinct
question once, and an answer is shown where the corrected p is below 0.05. The p are two-sided, except that equality
within a margin is shown by two one-sided tests (Schuirmann 1987). The rules:

    a > b           supported: the difference is shown above 0. refuted: shown below 0.
    a > b within m  supported: the difference is shown above m. refuted: shown below m.
    a >= b within m supported: the difference is shown above -m (m is 0 where none is given). refuted: shown below -m.
    a = b within m  supported: shown equal within m. refuted: shown further apart than m.
    argmax(k) = v   supported: v is shown better than every other value. refuted: one is shown better than v.
    a reaches val X within N epochs
                    the best validation accuracy of the first N epochs, as a >= X; the images count with the largest
                    error that they can have. Where fewer epochs were trained, nothing refutes it.
    a fails         supported: no seed can be trained to the end. refuted: every seed can.

Everything else is *not shown*, and so is every other claim about an arm that failed. With a number instead of b the
same rules hold for the distance of a from it; a < b is b > a.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sadari.comparison.arm_result import DONE, ArmResult
from sadari.comparison.claims.claim import Claim, Extremum, Fails, Quantity, Reaches, Relation
from sadari.comparison.claims.evidence import Estimate, Evidence, NotMeasuredError
from sadari.comparison.claims.sentences import extremum_sentence, reaches_sentence, relation_sentence
from sadari.comparison.claims.verdict import NOT_SHOWN, REFUTED, SUPPORTED, ClaimVerdict, Finding
from sadari.comparison.groups.grouping import Grouping
from sadari.comparison.seeds.looked import Looked
from sadari.comparison.splits.redraw import Redraw
from sadari.evaluation.statistics import holm
from sadari.run import RunRecord


def judge_claims(
    claims: Sequence[Claim],
    arms: Sequence[ArmResult],
    records: Mapping[str, Sequence[RunRecord]],
    redraw: Redraw | None = None,
    looked: Looked | None = None,
    grouping: Grouping | None = None,
) -> tuple[ClaimVerdict, ...]:
    """Return the verdict on each of `claims`, in their order, from the `arms` of a comparison and their finished runs.

    redraw: how the parts were drawn anew, if they were. looked: the looks that p and intervals count; two arms are
    compared with the seeds that they had when it was decided between them. grouping: which images count together.
    Every claim names arms of the comparison. Missing evidence raises nothing: such a claim is not shown.
    """
    evidence = Evidence(arms, records, redraw, looked, grouping)
    cases = [_case(claim, evidence) for claim in claims]
    corrected = _corrected([each for case in cases for each in case.findings])
    return tuple(
        _verdict(replace(case, findings=tuple(replace(each, p=corrected[_key(each)]) for each in case.findings)))
        for case in cases
    )


@dataclass(frozen=True)
class _Case:
    """A claim with its findings, or with a verdict where there is no p to correct. detail: for the sentence.

    unfinished: whether fewer epochs were trained than the claim allows, so that it can be supported but not refuted.
    """

    claim: Claim
    findings: tuple[Finding, ...] = ()
    verdict: str = ""
    detail: str = ""
    unfinished: bool = False


def _case(claim: Claim, evidence: Evidence) -> _Case:
    test = claim.test
    try:
        if isinstance(test, Fails):
            return _fails(claim, evidence.arm(test.arm))
        if isinstance(test, Reaches):
            return _reaches(claim, test, evidence)
        if isinstance(test, Extremum):
            return _Case(claim, _rivals(test, evidence))
        return _Case(claim, _relation(test, evidence))
    except NotMeasuredError as error:
        return _Case(claim, verdict=NOT_SHOWN, detail=f"nothing can be said: {error}")


def _fails(claim: Claim, arm: ArmResult) -> _Case:
    if arm.status == DONE:
        return _Case(claim, verdict=REFUTED, detail=f"{arm.name}: all {len(arm.seeds)} seeds were trained to the end")
    some = f", and {len(arm.seeds)} seeds were trained to the end" if arm.seeds else ""
    return _Case(claim, verdict=NOT_SHOWN if some else SUPPORTED, detail=f"{arm.name} failed: {arm.reason}{some}")


def _reaches(claim: Claim, test: Reaches, evidence: Evidence) -> _Case:
    estimate, seeds, had = evidence.early_val_accuracy(test.arm, test.epochs)
    finding = _finding(f"val_accuracy of {had} epochs", test.arm, "", estimate, test.level)
    detail = f"{(seeds >= test.level).sum()} of {len(seeds)} seeds reach it"
    if had < test.epochs:
        wanting = f"only {had} of {test.epochs} epochs were trained, and {detail} in them"
        return _Case(claim, (finding,), detail=wanting, unfinished=True)
    return _Case(claim, (finding,), detail=f"{detail} in {had} epochs")


def _rivals(test: Extremum, evidence: Evidence) -> tuple[Finding, ...]:
    """Compare the claimed value with every other one."""
    claimed, others = test.arms[test.value], [arm for value, arm in test.arms.items() if value != test.value]
    return tuple(
        _finding(test.figure, claimed, other, evidence.difference(test.figure, claimed, other), 0.0) for other in others
    )


def _relation(test: Relation, evidence: Evidence) -> tuple[Finding, ...]:
    """Answer the question of a relation: is left above or below a bound or, for `=`, equal within the margin?

    A margin is what counts as no difference: `>` claims more than that, `>=` bears as much in the other direction.
    """
    figure, left, right = test.left.figure, test.left.arm, test.right
    if isinstance(right, Quantity):
        estimate, other, bound = evidence.difference(figure, left, right.arm), right.arm, 0.0
    else:
        estimate, other, bound = evidence.single(figure, left), "", right
    if test.sign == "=":
        return (_finding(figure, left, other, estimate, bound, test.margin),)
    margin = test.margin or 0.0
    bound += margin if test.sign in (">", "<=") else -margin
    return (_finding(figure, left, other, estimate, bound),)


def _finding(figure: str, a: str, b: str, estimate: Estimate, bound: float, margin: float | None = None) -> Finding:
    p = estimate.p_at(bound) if margin is None else _p_of_margin(estimate, bound, margin)
    ends = estimate.value, estimate.low, estimate.high
    return Finding(
        figure, a, b, *ends, bound, margin, p, estimate.seeds, estimate.wanting, estimate.alike, estimate.basis
    )


def _p_of_margin(estimate: Estimate, bound: float, margin: float) -> float:
    """Return the larger p of two one-sided tests for an estimate within the margin; outside, that of the nearer end."""
    ends = [estimate.p_at(bound - margin), estimate.p_at(bound + margin)]
    return max(ends) / 2 if abs(estimate.value - bound) < margin else max(ends)


def _corrected(findings: Sequence[Finding]) -> dict[tuple[object, ...], float]:
    """Return the corrected p of every distinct question."""
    single = {_key(each): each.p for each in findings}
    return dict(zip(single, holm(list(single.values())), strict=True))


def _key(finding: Finding) -> tuple[object, ...]:
    """Return the identity of a question; the same two arms in the other order are the same question."""
    if finding.b and finding.a > finding.b:
        return finding.figure, finding.b, finding.a, -finding.bound, finding.margin
    return finding.figure, finding.a, finding.b, finding.bound, finding.margin


def _verdict(case: _Case) -> ClaimVerdict:
    claim, test, findings = case.claim, case.claim.test, case.findings
    if not findings:
        return ClaimVerdict(claim.text, claim.words, case.verdict, f"{case.detail}.")
    if isinstance(test, Extremum):
        word, sentence = _extremum_word(test, findings), extremum_sentence(test, findings)
    elif isinstance(test, Reaches):
        word = _place_word(findings[0].above, findings[0].below and not case.unfinished)
        sentence = reaches_sentence(test, findings[0], case.detail)
    else:
        assert isinstance(test, Relation)  # `Fails` has no findings
        word, sentence = _relation_word(test, findings), relation_sentence(findings)
    return ClaimVerdict(claim.text, claim.words, word, sentence, findings)


def _extremum_word(test: Extremum, findings: Sequence[Finding]) -> str:
    ahead = [each.above if test.highest else each.below for each in findings]
    behind = [each.below if test.highest else each.above for each in findings]
    return _place_word(all(ahead), any(behind))


def _relation_word(test: Relation, findings: Sequence[Finding]) -> str:
    [found] = findings
    if test.sign == "=":
        return _place_word(found.equal, found.apart)
    above, below = (found.above, found.below) if test.sign in (">", ">=") else (found.below, found.above)
    return _place_word(above, below)


def _place_word(for_it: bool, against_it: bool) -> str:
    return SUPPORTED if for_it else REFUTED if against_it else NOT_SHOWN
