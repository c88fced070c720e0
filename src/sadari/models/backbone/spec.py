"""Which layers use what was learnt elsewhere? A pre-trained backbone, and nearest neighbours. No torch.

    backbone vgg16                                  # up to its features, everything learns
    backbone mobilenetv1_100 cut blocks.4.0 train head
    backbone vgg16 train from:block5_conv1 weights my weights/vgg16.safetensors
    neighbours 20                                   # ends a network instead of the class layer

`cut LAYER` ends the backbone behind that layer; `end` is where its features end. `train` is all, head (nothing of the
backbone), last:SHARE of its layers, from:LAYER, or layers separated by semicolons. `weights` comes last; see
`models/backbone/pretrained.py`.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sadari.models.backbone.choice import AUTO, choose
from sadari.models.backbone.pretrained import Pretrained, find_pretrained
from sadari.models.layers.specs import KINDS, Layer, MisfitError, Shape, shape_text
from sadari.models.layers.tokens import Tokens

if TYPE_CHECKING:
    from sadari.models.backbone.module import Outline


@dataclass(frozen=True, kw_only=True)
class Backbone(Layer):
    """A pre-trained network of timm up to a layer. `found`: its weights, where they are known already.

    `follow` and `params` load torch and timm, but no weights.
    """

    kind = "backbone"
    name: str
    cut: str = "end"
    train: str = "all"
    weights: str = "auto"
    found: Pretrained | None = None

    @classmethod
    def read(cls, text: str, tokens: Tokens) -> "Backbone":
        by_keyword = tokens.keyed(("cut", "train", "weights"))
        name = by_keyword.pop("")
        if len(name) != 1:
            raise ValueError(f"needs the name of one network of timm, such as vgg16, not '{' '.join(name)}'")
        for key in ("cut", "train", "weights"):
            if key in by_keyword and not by_keyword[key]:
                raise ValueError(f"needs a word behind '{key}'")
        if len(by_keyword.get("cut", [""])) != 1:
            raise ValueError(f"'cut' takes one layer, not '{' '.join(by_keyword['cut'])}'")
        written = {key: ("" if key == "train" else " ").join(behind) for key, behind in by_keyword.items()}
        made = cls(
            text=text,
            name=name[0],
            cut=written.get("cut", cls.cut),
            train=written.get("train", cls.train),
            weights=written.get("weights", cls.weights),
        )
        return replace(made, text=made._short())

    def _short(self) -> str:
        """Return its text without the defaults of `cut` and `weights`."""
        cut = "" if self.cut == "end" else f" cut {self.cut}"
        weights = "" if self.weights == "auto" else f" weights {self.weights}"
        return f"{self.kind} {self.name}{cut} train {self.train}{weights}"

    def pretrained(self) -> Pretrained:
        """Return the weights that it starts from; finds them where they are not known yet (`find_pretrained`)."""
        if self.found is None and self.name == AUTO:  # a layer of its own: a job has settled it
            choice = choose(self.weights)
            return find_pretrained(choice.backbone, choice.weights)
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
    """A vote of the nearest training images, in place of the class layer at the end. classes: filled in there."""

    kind = "neighbours"
    count: int = 20
    classes: int = 0

    @classmethod
    def read(cls, text: str, tokens: Tokens) -> "Neighbours":
        return cls(text=text, count=tokens.whole("the number of neighbours", 20))

    def follow(self, shape: Shape) -> tuple[Shape, str]:
        if not self.classes:
            raise MisfitError("ends a network; nothing comes behind it")
        if len(shape) != 1:
            raise MisfitError(
                f"needs a vector, but has {shape_text(shape)} here; add globalavgpool or flatten before it"
            )
        return (self.classes,), f"votes of the {self.count} nearest training images"


def known_weights(layers: tuple[Layer, ...], found: Pretrained | None) -> tuple[Layer, ...]:
    """Return the same layers; the backbone among them, if any, starts from the weights `found`."""
    return tuple(replace(each, found=found) if isinstance(each, Backbone) else each for each in layers)


def backbone_of(layers: tuple[Layer, ...]) -> Backbone | None:
    """Return the backbone that a network begins with, or None."""
    return next((each for each in layers if isinstance(each, Backbone)), None)


KINDS.add(Backbone.kind, Backbone)
KINDS.add(Neighbours.kind, Neighbours)
