"""Which network does a list of layers in text describe? Text -> typed layers -> shapes and parameters. No torch here.

    conv 32 same        # 3x3, ReLU; tokens may follow: a kernel size, same, stride 2, linear | relu | sigmoid | tanh,
                        # nobias, identity (the first filters begin by passing a channel on)
    batchnorm           # also: layernorm, relu, gelu; `batchnorm noscale` learns offsets alone
    whiten 2            # a convolution whose filters are taken from the training images and stay
    maxpool             # 2x2; also: avgpool 3, globalavgpool, globalmaxpool
    dropout $dropout    # a variable
    rows                # each row of the map becomes one time step
    lstm 64 sequence    # without `sequence`, only the state after the last step
    flatten             # the map as one vector
    dense 64 sigmoid    # ReLU where no activation is given
    mirror              # in evaluation, images are judged mirrored as well, and the mean counts
    backbone vgg16      # a pre-trained network; models/backbone/spec.py documents the tokens

One layer per line, or several separated by commas or semicolons; `#` starts a comment. The class layer (a
dense softmax) comes at the end of every network and is not written.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sadari.errors import UsageError
from sadari.models.backbone.spec import Backbone, Neighbours
from sadari.models.layers import plugin as plugin  # opens KINDS to plug-ins
from sadari.models.layers.arithmetic import params_how
from sadari.models.layers.specs import KINDS, Dense, Layer, MisfitError, Shape, shape_text
from sadari.models.layers.tokens import Tokens
from sadari.models.own.spec import Own
from sadari.registry import unknown_name
from sadari.settings import Value

_VARIABLE = re.compile(r"\$(\w*)")


def parse(text: str, variables: Mapping[str, Value]) -> tuple[Layer, ...]:
    """Return the layers that `text` lists, with `$name` replaced by `variables["name"]`.

    Raises UsageError naming the layer for an unknown kind, variable or token, and for numbers out of range.
    """
    lines = [line.split("#")[0] for line in text.splitlines()]
    written = [" ".join(each.split()) for line in lines for each in re.split("[,;]", line)]
    return tuple(_read(number, each, variables) for number, each in enumerate(filter(None, written), start=1))


def _read(number: int, written: str, variables: Mapping[str, Value]) -> Layer:
    try:
        text = _VARIABLE.sub(lambda match: _substitute(match[1], variables), written)
        name, *rest = text.split()
        tokens = Tokens(rest)
        layer = KINDS.get(name).read(text, tokens)
        tokens.finish()
    except (UsageError, ValueError) as error:
        raise UsageError(f"layer {number} `{written}`: {error}") from None
    return layer


def _substitute(name: str, variables: Mapping[str, Value]) -> str:
    if name not in variables:
        if not variables:
            raise UsageError(f"unknown variable '${name}'; the network has no variables")
        raise unknown_name("variable", name, list(variables))
    return str(variables[name])


@dataclass(frozen=True)
class Row:
    """One layer on images of one size: the shape that it gives and its parameters.

    total, trainable: counts of parameters. how: the arithmetic of the shape, such as "28 - 3 + 1 = 26"; params_how:
    that of `total`, such as "(3x3x1 + 1) x 32 = 320", "" where there are none.
    """

    number: int
    text: str
    shape: Shape
    total: int
    trainable: int
    how: str
    params_how: str = ""


def classifier(classes: int) -> Dense:
    """Return the class layer that ends every network: logits, whose softmax are the probabilities."""
    return Dense(text=f"dense {classes} softmax", units=classes, activation="linear")


def complete(layers: Sequence[Layer], classes: int) -> tuple[Layer, ...]:
    """Return the layers with the class layer at the end, unless the last one does its work (`neighbours`, `own`)."""
    if layers and isinstance(layers[-1], Neighbours | Own):
        return (*layers[:-1], replace(layers[-1], classes=classes))
    return (*layers, classifier(classes))


def describe(layers: Sequence[Layer], shape: Shape, classes: int) -> tuple[Row, ...]:
    """Return the shapes and parameters of `layers` on images of `shape` (H, W, C), the class layer included.

    Raises UsageError naming the first layer that does not fit, and what the user can do about it.
    """
    rows: list[Row] = []
    whole = complete(layers, classes)
    for number, layer in enumerate(whole, start=1):
        if number == len(whole) and isinstance(layer, Dense) and len(shape) != 1:
            raise UsageError(
                f"the network ends in {shape_text(shape)} but the class layer needs a vector; add flatten at the end"
            )
        if isinstance(layer, Own) and len(whole) > 1:
            raise UsageError(f"layer {number} `{layer.text}`: code of yours is a whole network; leave the others out")
        if isinstance(layer, Backbone) and number > 1:
            raise UsageError(f"layer {number} `{layer.text}`: a backbone reads images; make it the first layer")
        try:
            out, how = layer.follow(shape)
        except MisfitError as error:
            raise UsageError(f"layer {number} `{layer.text}`: {error}") from None
        rows.append(Row(number, layer.text, out, *layer.params(shape), how, params_how(layer, shape)))
        shape = out
    return tuple(rows)
