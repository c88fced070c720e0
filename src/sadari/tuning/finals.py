"""Which settings are judged on test images, and against what? The best trials and the default, with fresh seeds."""

from collections.abc import Sequence
from pathlib import Path

from sadari.comparison.request import Comparison, read_stored
from sadari.comparison.variants import Arm
from sadari.run_lookup import FINAL
from sadari.tuning.request import SPEED, Tuning
from sadari.tuning.trials import Trial, finished, front

FINALISTS = 3
DEFAULT = "default"  # the arm with the settings that the model has by itself


def finalists(request: Tuning, trials: Sequence[Trial]) -> list[Trial]:
    """Return the best trials with different settings, the default left out, which is an arm of its own.

    With two objectives: the most accurate of the front, the fastest, and the one in its middle.
    """
    ranked = front(trials) if SPEED in request.objectives else finished(trials)
    different: dict[str, Trial] = {}
    for trial in ranked:
        if not trial.default:
            different.setdefault(repr(sorted(trial.params.items())), trial)
    found = list(different.values())
    if SPEED in request.objectives and len(found) > FINALISTS:
        return [found[0], found[len(found) // 2], found[-1]]
    return found[:FINALISTS]


def final_request(request: Tuning, trials: Sequence[Trial], seeds: int, folder: Path) -> Comparison:
    """Return the comparison of the finalists with the default, on seeds that no trial had.

    folder: of the search. Arms of an earlier comparison there stay in it, so that whoever adds trials sees all that was
    judged on test images.
    """
    fresh = tuple(range(request.seed + 1, request.seed + 1 + seeds))
    arms = {DEFAULT: _arm(request, DEFAULT)}
    arms |= {trial.name: _arm(request, trial.name, trial) for trial in finalists(request, trials)}
    by_name = {trial.name: trial for trial in trials}
    for name in _before(folder):
        if name not in arms and name in by_name:
            arms[name] = _arm(request, name, by_name[name])
    title = f"{request.model.name} tuned: the best of {len(trials)} trials, and the default"
    return Comparison(request.data, tuple(arms.values()), fresh, title=title)


def _arm(request: Tuning, name: str, trial: Trial | None = None) -> Arm:
    params = trial.params if trial else {}
    return Arm(name, request.model, {**request.overrides, **params}, by_auto=request.by_auto)


def _before(folder: Path) -> list[str]:
    stored = read_stored(folder / FINAL)
    return [arm["name"] for arm in stored["arms"]] if stored else []


def seeds_before(folder: Path) -> int:
    """Return with how many seeds the finalists of an earlier command were judged; 0 where there are none."""
    stored = read_stored(folder / FINAL)
    return len(stored["seeds"]) if stored else 0
