"""What does the layer make of a shape that whitens images, and what GELU? Two more kinds of layers; no torch here."""

from dataclasses import dataclass

from sadari.models.layers.specs import KINDS, Layer, MisfitError, Shape, a_map, joined
from sadari.models.layers.tokens import Tokens

COLOURS = 3  # channels of an image, at most


@dataclass(frozen=True, kw_only=True)
class Whiten(Layer):
    """A convolution that whitens images: its filters come from the training images and stay, its biases learn.

    There are two filters for each of the `kernel` * `kernel` * channels values of a patch: a filter and its negative.
    """

    kind = "whiten"
    kernel: int = 2

    @classmethod
    def read(cls, text: str, tokens: Tokens) -> "Whiten":
        return cls(text=text, kernel=tokens.whole("the kernel size", 2))

    def filters(self, shape: Shape) -> int:
        """Return how many filters there are on images of `shape`."""
        return 2 * self.kernel * self.kernel * shape[-1]

    def follow(self, shape: Shape) -> tuple[Shape, str]:
        height, width, channels = a_map(shape)
        if channels > COLOURS:
            raise MisfitError(f"reads images, but has a map of {channels} channels here; make it the first layer")
        if min(height, width) < self.kernel:
            raise MisfitError(f"the image is {height}x{width}, smaller than the {self.kernel}x{self.kernel} kernel")
        tall, wide = height - self.kernel + 1, width - self.kernel + 1
        how = joined(*(f"{side} - {self.kernel} + 1 = {side - self.kernel + 1}" for side in (height, width)))
        return (tall, wide, self.filters(shape)), how

    def params(self, shape: Shape) -> tuple[int, int]:
        count = self.filters(shape)
        return self.kernel * self.kernel * shape[-1] * count + count, count


@dataclass(frozen=True, kw_only=True)
class Gelu(Layer):
    """The Gaussian error linear unit: x times the share of a normal distribution below x (arXiv:1606.08415)."""

    kind = "gelu"


for _kind in (Whiten, Gelu):
    KINDS.add(_kind.kind, _kind)
