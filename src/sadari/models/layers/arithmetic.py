"""How does the number of parameters of a layer come about? The arithmetic as text, as a teacher writes it down."""

from sadari.models.layers.specs import LSTM, BatchNorm, Conv, Dense, Layer, LayerNorm, Shape
from sadari.models.layers.whiten_spec import Whiten


def params_how(layer: Layer, shape: Shape) -> str:
    """Return the arithmetic of the parameters of `layer` on input of `shape`, such as "(3x3x1 + 1) x 32 = 320".

    It is "" for a layer without parameters, and for a backbone, whose layers have their own.
    """
    match layer:
        case Conv():  # the weights of a filter and its bias
            each = f"{layer.kernel}x{layer.kernel}x{shape[-1]}"
            return as_product(f"({each} + 1)" if layer.bias else each, layer.filters, layer.params(shape)[0])
        case Whiten():  # likewise
            each = f"({layer.kernel}x{layer.kernel}x{shape[-1]} + 1)"
            return as_product(each, layer.filters(shape), layer.params(shape)[0])
        case Dense():  # the weights of a unit and its bias
            return as_product(f"({shape[-1]} + 1)", layer.units, layer.params(shape)[0])
        case LSTM():  # four gates, each of which reads the input, the last state and a bias
            return as_product(f"4 x ({shape[-1]} + {layer.units} + 1)", layer.units, layer.params(shape)[0])
        case BatchNorm():  # scale, where there is one, offset, moving mean and moving variance
            return as_product(f"{3 + layer.scale}", shape[-1], layer.params(shape)[0])
        case LayerNorm():  # scale and offset
            return as_product("2", shape[-1], layer.params(shape)[0])
    return ""


def as_product(each: str, times: int, total: int) -> str:
    """Return the arithmetic of a number of parameters, such as "(3x3x1 + 1) x 32 = 320"."""
    return f"{each} x {times} = {total:,}"
