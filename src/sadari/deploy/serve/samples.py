"""With which images can somebody begin? A few that judged the run, where its data are on this machine."""

from base64 import b64encode
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sadari.deploy.serve.documents import Sample
from sadari.errors import SadariError
from sadari.run import RunRecord
from sadari.training.evaluate import own_images

MOST = 20  # (assumed: two rows of thumbnails)


def draw_samples(folder: Path) -> list[Sample]:
    """Up to MOST images of the part that judged the run in `folder`, all classes in turn; none where there are none.

    What the model sees of them is sent, as PNG without loss, so that it says of them what it said when it was judged.
    """
    run = RunRecord(folder)
    if not (folder / "settings.toml").is_file() or not run.finished:
        return []
    try:
        images = own_images(run)
        positions = run.split.part(run.summary["judged_on"])
    except (SadariError, OSError):
        return []
    chosen = _in_turn(images.labels[positions], MOST)
    return [
        Sample(
            id=str(images.ids[place]),
            label=images.classes[images.labels[place]],
            image=_png(np.asarray(images.images[int(place)])),
        )
        for place in positions[chosen]
    ]


def _in_turn(labels: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Places of up to `most` of the labels: the first of each class, then the second of each, and so on."""
    rank = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        rank[places] = np.arange(len(places))
    return np.lexsort((labels, rank))[:most]


def _png(pixels: NDArray[np.uint8]) -> str:
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    file = BytesIO()
    picture.save(file, format="PNG")
    return b64encode(file.getvalue()).decode("ascii")
