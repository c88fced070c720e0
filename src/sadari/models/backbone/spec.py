"""Which kinds of layers carry over what others have learnt? A pre-trained backbone, and nearest neighbours. No torch.

    backbone vgg16                                  # up to its features, everything learns
    backbone mobilenetv1_100 cut blocks.4.0 train head
    backbone vgg16 train from:block5_conv1 weights my weights/vgg16.safetensors
    neighbours 20                                   # ends a network instead of the class layer

`cut LAYER` ends the backbone behind that layer; `end` is where its features end. `train` is all, head (nothing of the
backbone), from:LAYER, or layers separated by semicolons. `weights` comes last; see `models/backbone/pretrained.py`.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sadari.models.backbone.pretrained import Pretrained, find_pretrained
from sadari.models.layers.specs import KINDS, Layer, MisfitError, Shape, shape_text
from sadari.models.layers.tokens import Words

if TYPE_CHECKING:
    from sadari.models.backbone.module import Outline

WHAT_LEARNS = "all, head, from:LAYER or LAYER;LAYER"


@dataclass(frozen=True, kw_only=True)
class Backbone(Layer):
    """A network of timm up to a layer, which others have trained. `found`: its weights, where they are known already.

    `follow` and `params` load torch and timm, but no weights.
    """

    word = "backbone"
    name: str
    cut: str = "end"
    train: str = "all"
    weights: str = "auto"
    found: Pretrained | None = None

    @classmethod
    def read(cls, text: str, words: Words) -> "Backbone":
        told = words.keyed(("cut", "train", "weights"))
        name = told.pop("")
        if len(name) != 1:
            raise ValueError(f"needs the name of one network of timm, such as vgg16, not '{' '.join(name)}'")
        for key in ("cut", "train", "weights"):
            if key in told and not told[key]:
                raise ValueError(f"needs a word behind '{key}'")
        if len(told.get("cut", [""])) != 1:
            raise ValueError(f"'cut' takes one layer, not '{' '.join(told['cut'])}'")
        written = {key: ("" if key == "train" else " ").join(behind) for key, behind in told.items()}
        made = cls(
            text=text,
            name=name[0],
            cut=written.get("cut", cls.cut),
            train=written.get("train", cls.train),
            weights=written.get("weights", cls.weights),
        )
        return replace(made, text=made._short())

    def _short(self) -> str:
        """How it is printed: without what goes without saying."""
        cut = "" if self.cut == "end" else f" cut {self.cut}"
        weights = "" if self.weights == "auto" else f" weights {self.weights}"
        return f"{self.word} {self.name}{cut} train {self.train}{weights}"

    def pretrained(self) -> Pretrained:
        """Which weights are meant? Looked up where that is not known yet; see `find_pretrained`."""
        return self.found or find_pretrained(self.name, self.weights)

    def follow(self, shape: Shape) -> tuple[Shape, str]:
        return self._outline(shape).shape, f"{self.name} up to {'its features' if self.cut == 'end' else self.cut}"

    def params(self, shape: Shape) -> tuple[int, int]:
        outline = self._outline(shape)
        return outline.total, outline.trainable

    def _outline(self, shape: Shape) -> "Outline":
        from sadari.models.backbone.module import outline

        if len(shape) != 3 or shape[2] != 3:
            raise MisfitError(
                f"reads images with 3 channels, but has {shape_text(shape)} here; "
                "make it the first layer, and set channels=3 (grey images are then repeated)"
            )
        return outline(self.pretrained(), self.cut, self.train, (shape[0], shape[1]))


@dataclass(frozen=True, kw_only=True)
class Neighbours(Layer):
    """The nearest training images vote; stands in place of the class layer, at the end. classes: filled in there."""

    word = "neighbours"
    count: int = 20
    classes: int = 0

    @classmethod
    def read(cls, text: str, words: Words) -> "Neighbours":
        return cls(text=text, count=words.whole("the number of neighbours", 20))

    def follow(self, shape: Shape) -> tuple[Shape, str]:
        if not self.classes:
            raise MisfitError("ends a network; nothing comes behind it")
        if len(shape) != 1:
            raise MisfitError(
                f"needs a vector, but has {shape_text(shape)} here; add globalavgpool or flatten before it"
            )
        return (self.classes,), f"votes of the {self.count} nearest training images"


def known_weights(layers: tuple[Layer, ...], found: Pretrained | None) -> tuple[Layer, ...]:
    """The same layers, with the weights of the backbone among them known to be `found`."""
    return tuple(replace(each, found=found) if isinstance(each, Backbone) else each for each in layers)


def backbone_of(layers: tuple[Layer, ...]) -> Backbone | None:
    """Which backbone does a network begin with? None where it has none."""
    return next((each for each in layers if isinstance(each, Backbone)), None)


KINDS.add(Backbone.word, Backbone)
KINDS.add(Neighbours.word, Neighbours)
