"""Which layer stands for a network that code of the user makes? One that is the whole network, class layer and all.

    own package.module:make_net code 0123456789abcdef0123456789abcdef width=$width

`code` is followed by the digest of the source; then come the parameters of the code that are variables of the model. No
torch here: `follow` and `params` load it, and run the code, where the user has named it in this process.
"""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sadari.errors import UsageError
from sadari.models.layers.specs import KINDS, Layer, Shape, shape_text
from sadari.models.layers.tokens import Tokens
from sadari.models.own.named import find_code, require_text
from sadari.models.own.reference import is_own

if TYPE_CHECKING:
    from sadari.models.own.check import Outline

_KEY = re.compile(r"[^\W\d]\w*=")


@dataclass(frozen=True, kw_only=True)
class Own(Layer):
    """A whole network that code of the user makes. arguments: of its parameters, as text; classes: filled in later.

    digest: of the source that the run began with.
    """

    kind = "own"
    reference: str
    digest: str
    arguments: tuple[tuple[str, str], ...] = ()
    classes: int = field(default=0)

    @classmethod
    def read(cls, text: str, tokens: Tokens) -> "Own":
        del text  # the digest is for programs
        found = tokens.keyed(("code",))
        (reference, *more), written = found[""] or [""], found.get("code", [])
        if more or not is_own(reference) or not written:
            raise ValueError("needs a name such as package.module:make_net, and `code` with a digest behind it")
        digest, *rest = written
        arguments: list[list[str]] = []
        for token in rest:
            if _KEY.match(token):
                arguments.append(list(token.partition("=")[::2]))
            elif arguments:
                arguments[-1][1] = f"{arguments[-1][1]} {token}".strip()
            else:
                raise ValueError(f"has no use for '{token}'; parameters are written as name=value")
        pairs = tuple((key, value) for key, value in arguments)
        for key, value in pairs:
            require_text(key, value, reference)
        shown = "".join(f" {key}={value}" for key, value in pairs)
        return cls(text=f"{cls.kind} {reference}{shown}", reference=reference, digest=digest, arguments=pairs)

    def follow(self, shape: Shape) -> tuple[Shape, str]:
        self._outline(shape)
        return (self.classes,), self.how(shape)

    def how(self, shape: Shape) -> str:
        """Return how its output on images of `shape` comes about, in words."""
        return f"logits of {shape_text(shape)} images, by your code"

    def params(self, shape: Shape) -> tuple[int, int]:
        outline = self._outline(shape)
        return outline.total, outline.trainable

    def _outline(self, shape: Shape) -> "Outline":
        from sadari.models.own.check import outline

        if not self.classes or len(shape) != 3:
            raise UsageError("code of yours makes a whole network; it is the only layer")
        return outline(find_code(self.reference, self.digest), self.arguments, shape, self.classes)


def own_of(layers: tuple[Layer, ...]) -> Own | None:
    """Return the layer of a network that code of the user makes, or None for other networks."""
    return next((each for each in layers if isinstance(each, Own)), None)


KINDS.add(Own.kind, Own)
