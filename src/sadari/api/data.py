"""Which functions of Python are about images alone? Sets are loaded, and drawn as a map."""

from pathlib import Path
from typing import TYPE_CHECKING

from sadari.errors import UsageError
from sadari.progress import Progress, Silent
from sadari.settings import Settings, Value, with_overrides

if TYPE_CHECKING:
    from sadari.review.data_map import DataMap
    from sadari.review.suspects import Review
    from sadari.values import ImageSet


def load(
    data: object,
    y: object = None,
    *,
    image: str = "",
    label: str = "",
    progress: Progress | None = None,
    **settings: Value,
) -> "ImageSet":
    """Load the images of a named set, a path, or an object; settings such as `image_size=64` as keywords.

    data: also arrays (N, H, W[, C]) of uint8 or a list of images with their labels y, which other functions take as
    (X, y); a data set of torchvision, whose transform is not applied; a Dataset, DatasetDict or IterableDataset of
    Hugging Face; or a mapping from train, val and test to these. Objects are stored in the cache, once. image, label:
    which columns of a Dataset to take, where it has several. Raises SadariError or UsageError with one sentence.
    """
    from sadari.data import load as loading
    from sadari.data.sources.objects.hand_over import hand_over, is_object

    overrides = with_overrides(Settings(), settings)
    if is_object(data) or y is not None:
        data = hand_over(data, y, image, label, progress)
    elif image or label:
        raise UsageError("image and label name columns of a Dataset; for hf://NAME write them behind it, :label=COLUMN")
    return loading.load(loading.absolute_data(data), overrides, progress)


def data_map(
    data: object,
    *,
    run: str | Path | None = None,
    out: str | Path | None = None,
    features: str = "auto",
    most: int = 5_000,
    seed: int = 0,
    progress: Progress | None = None,
    **settings: Value,
) -> "DataMap":
    """Return a map of the pictures of `data` in two dimensions, alike ones near each other; `.to_frame()` has it.

    run: the folder of a run on these images, or of a comparison (its best run by validation, or all folds), whose right
    and wrong answers are on the map. out: also write the page that shows it there. features: "backbone", "pixels", or
    "auto". most: of more pictures, a sample of each class. seed: decides sample and layout. settings: also variables of
    the backbone, such as `backbone="auto"`. Raises SadariError or UsageError with one sentence.
    """
    from sadari.data.load import absolute_data
    from sadari.report.maps.answered import map_of
    from sadari.report.maps.page import write_map

    folder = Path(run) if run is not None else None
    found = map_of(absolute_data(data), settings, progress or Silent(), folder, features, most, seed)
    if out is not None:
        write_map(found, Path(out))
    return found


def data_review(
    data: object, *, decisions: str | Path | None = None, progress: Progress | None = None, **overrides: Value
) -> "Review":
    """Judge the labels of `data` by models that have not seen the images; `.suspects` lists those probably wrong.

    `.decide(file, "relabel", "cat")` (or "keep", "drop") writes a decision, which every later command honours.
    decisions: the CSV that has them, beside the set by default. overrides: settings, and variables of the backbone.
    Raises SadariError or UsageError with one sentence.
    """
    from sadari.data.load import absolute_data
    from sadari.review.suspects import make_review

    file = Path(decisions) if decisions is not None else None
    return make_review(absolute_data(data), overrides, file, progress)
