"""Stand-ins for the models that a search for the best one tries, and searches among them."""

from pathlib import Path

from sadari.comparison.best.cost_model import CostModel
from sadari.comparison.best.run import BestRequest, find_best
from sadari.comparison.result import ComparisonResult
from sadari.settings import Value
from support.clocked_training import ClockedTrainer, Made
from support.jobs import Listener

FAST, MIDDLE, SLOW = CostModel(0.05, 2e-5), CostModel(0.1, 2e-4), CostModel(0.2, 1e-2)
# cnn takes ten times as long for a pass as mlp and is hardly better at first; lstm would be the best, and is too slow.
MADE = {
    "softmax": Made(0.75, 0.2, FAST),
    "dnn": Made(0.7, 0.3, FAST),
    "mlp": Made(0.85, 1, FAST),
    "a4-dnn": Made(0.8, 1, FAST),
    "cnn": Made(0.95, 2, MIDDLE),
    "cnn-lstm": Made(0.9, 3, MIDDLE),
    "lstm": Made(0.99, 2, SLOW),
}
BUDGET = 150.0  # six of them begin well within a quarter of it


def clocked(**changed: Made) -> ClockedTrainer:
    return ClockedTrainer(made={**MADE, **{name.replace("_", "-"): made for name, made in changed.items()}})


def search(
    using: ClockedTrainer, folder: Path, budget: float = BUDGET, heard: Listener | None = None, **overrides: Value
) -> ComparisonResult:
    request = BestRequest("digits", budget, overrides)
    return find_best(request, out=folder, progress=heard, train=using, clock=using.clock)
