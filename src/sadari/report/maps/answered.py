"""Whose answers are on a map: those of a run, of a comparison's best run, or of all folds of a comparison together?"""

from collections.abc import Mapping
from pathlib import Path

from sadari.comparison.reopen import reopen
from sadari.errors import SadariError
from sadari.progress import Progress
from sadari.review.data_map import DataMap, make_map
from sadari.run import RunRecord
from sadari.run_lookup import find_run, is_comparison
from sadari.settings import Value


def map_of(
    data: str,
    overrides: Mapping[str, Value],
    progress: Progress,
    run: Path | None,
    features: str,
    most: int,
    seed: int,
) -> DataMap:
    """Return the map of `data` as `make_map` does. run: the folder of a run or of a comparison; None for no answers.

    Of a comparison with folds, the best arm has judged every image once: its answers to all of them are on the map, in
    the first repeat. Of another one, those of its best run by validation. Raises as `make_map` and `find_run` do.
    """
    if run is None:
        return make_map(data, overrides, progress, None, features, most, seed)
    if is_comparison(run) and not RunRecord.is_run(run):
        result = reopen([run], progress)
        if result.redraw and result.redraw.folds:
            if result.best is None:
                raise SadariError(f"no arm of the comparison '{run}' is finished; go on with the command that began it")
            name = result.best.name
            folded = name, result.judged(name)[0]
            return make_map(data, overrides, progress, result.records[name][0], features, most, seed, folded)
    return make_map(data, overrides, progress, RunRecord.open(find_run(run, progress)), features, most, seed)
