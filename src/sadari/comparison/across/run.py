"""How is a comparison across data sets made, and read back? One comparison a set, each in a folder of the one above."""

from pathlib import Path

from sadari.comparison.across.request import AcrossRequest, choose_folder, read_sets, store_sets
from sadari.comparison.across.result import AcrossResult, across
from sadari.comparison.compare import require_margin, startable
from sadari.comparison.reopen import reopen
from sadari.comparison.request import decided
from sadari.comparison.stored import RESULT
from sadari.errors import SadariError, UsageError
from sadari.files import write_json
from sadari.progress import Progress, Silent
from sadari.run_lookup import SETS, is_across, is_comparison


def compare_sets(
    request: AcrossRequest,
    *,
    out: Path | None = None,
    runs: Path = Path("runs"),
    robustness: bool = False,
    margin: float | None = None,
    progress: Progress | None = None,
) -> AcrossResult:
    """Compare on one set after the other, and across them; what is done already is not done again.

    out, runs: as of `compare`, for the folder above. Raises as `compare` does, for a set that cannot be read before the
    first run of any set; KeyboardInterrupt after Ctrl-C, and the same call then goes on.
    """
    require_margin(margin)
    progress = progress or Silent()
    for each in request.sets:  # the images of every set are looked at before the first run, and stay in the cache
        startable(decided(each.request)[0], progress)
    folder = choose_folder(request, out, runs).resolve()
    store_sets(request, folder)
    results = {}
    for place, (each, plan) in enumerate(zip(request.sets, request.plans, strict=True), start=1):
        progress.say(f"data set {place} of {len(request.sets)}: {each.name}")
        results[each.name] = plan.run(out=folder / each.name, robustness=robustness, margin=margin, progress=progress)
    found = across(folder, results, margin)
    write_json(folder / RESULT, found.document())
    return found


def reopen_sets(folder: Path, progress: Progress | None = None) -> AcrossResult:
    """Return the result of the comparison across sets in `folder`, without any training.

    Raises UsageError for another folder, SadariError where it is damaged, or where a set's comparison is not finished.
    """
    folder = folder.resolve()
    if not is_across(folder):
        raise UsageError(
            f"'{folder}' holds no comparison across data sets; name a folder that `sadari compare A B` made"
        )
    stored = read_sets(folder)
    if stored is None:
        raise SadariError(f"{folder / SETS} is damaged; run the comparison again in another --out")
    names = [str(each["name"]) for each in stored["sets"]]
    missing = next((name for name in names if not is_comparison(folder / name)), None)
    if missing is not None:
        raise SadariError(
            f"the comparison {folder} is not finished: {missing} has not begun; go on with the command that began it "
            f"and --out {folder}"
        )
    results = {name: reopen([folder / name], progress) for name in names}
    return across(folder, results, next((each.margin for each in results.values()), None))
