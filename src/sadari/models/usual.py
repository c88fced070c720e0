"""Which models does `sadari compare` take where none is named? The ladder that fits the images. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sadari.settings import Value


@dataclass(frozen=True)
class Step:
    """A model of a usual ladder. settings: those it gets there, where the user sets no others."""

    model: str
    settings: Mapping[str, Value] = field(default_factory=dict)


SMALL_SIDE = 64  # pixels that a network without pre-trained features reads of a photograph (assumed)
SMALL_IMAGES = (Step("majority"), Step("logistic"), Step("mlp"), Step("cnn"))
# Measured: 187 s for 1,200 photographs and three seeds on two cores with AVX512-BF16, from an empty cache. That is ten
# passes of `cnn`, the features of each photograph, computed once, and the best recipe for photographs, trained thrice.
PHOTOGRAPHS = (
    Step("majority", {"image_size": SMALL_SIDE}),
    Step("cnn", {"image_size": SMALL_SIDE, "epochs": 10}),
    Step("knn"),
    Step("linear-probe"),
    Step("photo"),
)
