"""How does a comparison get a soup? The weights of an arm's finished runs are averaged, and stored as a run.

Wortsman et al., Model soups, ICML 2022 (https://arxiv.org/abs/2203.05482): networks that were trained from one start
have weights whose mean is a network, too, often a better one. `evaluation/greedy.py` chooses by the validation images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor

from sadari.comparison.ensembles.folder import is_there, judging, store, summary_of
from sadari.comparison.ensembles.job import soup_job
from sadari.comparison.executor import reason_of
from sadari.comparison.inputs import ComparisonInputs
from sadari.comparison.request import Comparison, soup_of
from sadari.comparison.variants import Arm, folder_name
from sadari.errors import SadariError
from sadari.evaluation.greedy import choose_soup
from sadari.evaluation.metrics import score
from sadari.files import write_json
from sadari.inference.members import Candidate, Ensemble, model_digest
from sadari.inference.model import stored_weights, write_model
from sadari.inference.predict import fitted
from sadari.job_record import JobRecord
from sadari.progress import Progress
from sadari.run import CALIBRATION, MODEL, SOUP, RunRecord, environment
from sadari.settings import TEMPERATURE
from sadari.values import ImageSet

LEAST = 2  # runs to average


def make_soup(
    request: Comparison,
    arm: Arm,
    inputs: ComparisonInputs,
    records: Sequence[RunRecord],
    folder: Path,
    progress: Progress,
) -> tuple[list[RunRecord], list[str]]:
    """Return the soup of `arm`, or none and the reason why.

    records: its finished runs; a run that failed is left out, which is said. A soup that was made of the same runs
    already stays as it is.
    """
    name, seed = soup_of(arm).name, request.seeds[0]
    runs = {f"seed {each.job.seed}": each for each in records}
    left_out = tuple(f"without seed {each}, whose run failed" for each in request.seeds if f"seed {each}" not in runs)
    for sentence in left_out:
        progress.say(f"{name} is made {sentence}")
    try:
        job = soup_job(request, request.job(arm, seed).record)
        images = inputs.images_for(job.settings)
        return [_Maker(arm.name, job, runs, images, folder / folder_name(name, seed), progress).run(left_out)], []
    except Exception as error:  # as of every other arm: a row with its reason
        progress.say(f"{name} failed: {reason_of(error)}")
        return [], [f"seed {seed}: {reason_of(error)}"]


@dataclass(frozen=True, eq=False)
class _Maker:
    """What makes one soup. runs: those to choose from, as "seed 0". out: its folder."""

    arm: str
    job: JobRecord
    runs: Mapping[str, RunRecord]
    images: ImageSet
    out: Path
    progress: Progress

    def run(self, left_out: tuple[str, ...]) -> RunRecord:
        """Return the soup, made unless it is there. Raises SadariError where it cannot be made."""
        self._require_one_start()
        started = perf_counter()
        candidates = tuple(Candidate(name, run.path.name, model_digest(run)) for name, run in self.runs.items())
        if is_there(self.out, candidates, self.job):
            return RunRecord(self.out)
        order = sorted(self.runs, key=lambda name: self.runs[name].val_loss_of_logits)
        first = self.runs[order[0]]
        with judging(first, self.images, self.progress) as (model, judged):

            def loss_of(names: Sequence[str]) -> float:
                model.network.load_state_dict(mean_weights([self.runs[name] for name in names]))
                return float(score(judged("val").predictions()).values["loss"])

            chosen = choose_soup(order, loss_of)
            loss_of(chosen)
            soup = Ensemble(tuple(replace(each, count=int(each.arm in chosen)) for each in candidates), left_out)
            temperature = fitted(judged("val")) if self.job.settings.calibration == TEMPERATURE else None
            at = temperature.value if temperature else 1.0
            val, answers = judged("val").predictions(at), judged(first.summary["judged_on"]).predictions(at)
            members = [self.runs[name] for name in chosen]
            summary = summary_of(
                self.out, self.job, first.summary["model"], [*self.runs.values()], members, val, answers, started
            )

            def write_rest(into: Path) -> None:
                if temperature:
                    write_json(into / CALIBRATION, temperature.to_json())
                write_model(into / MODEL, model.network, model.architecture)
                soup.write(into, SOUP)

            stamp = {**first.environment, **environment()}
            store(self.out, self.job, first, stamp, val, answers, summary, write_rest)
        return RunRecord(self.out)

    def _require_one_start(self) -> None:
        if len(self.runs) < LEAST:
            there = f"only {', '.join(self.runs)} of {self.arm} has" if self.runs else f"no run of {self.arm} has"
            raise SadariError(f"{there} finished, and a soup averages at least {LEAST} runs")
        if len({run.weights_sha256 for run in self.runs.values()}) > 1:
            raise SadariError(
                f"the runs of {self.arm} began with different pre-trained weights, so their weights have no common "
                "mean; train them again in another --out"
            )


def mean_weights(runs: Sequence[RunRecord]) -> dict[str, Tensor]:
    """Return the mean of the weights of `runs`, computed in float64, in the type of the first."""
    first = stored_weights(runs[0])
    total = {name: each.to(torch.float64) for name, each in first.items()}
    for run in runs[1:]:
        for name, each in stored_weights(run).items():
            total[name] += each
    return {name: (each / len(runs)).to(first[name].dtype) for name, each in total.items()}
