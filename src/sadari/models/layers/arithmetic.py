"""How does the number of parameters of a layer come about? The arithmetic as text, as a teacher writes it down."""

from sadari.models.layers.specs import LSTM, BatchNorm, Conv, Dense, Layer, LayerNorm, Shape


def params_how(layer: Layer, shape: Shape) -> str:
    """Return the arithmetic of the parameters of `layer` on input of `shape`, such as "(3x3x1 + 1) x 32 = 320".

    It is "" for a layer without parameters, and for a backbone, whose layers have their own.
    """
    match layer:
        case Conv():  # the weights of a filter and its bias
            return as_product(f"({layer.kernel}x{layer.kernel}x{shape[-1]} + 1)", layer.filters, layer.params(shape)[0])
        case Dense():  # the weights of a unit and its bias
            return as_product(f"({shape[-1]} + 1)", layer.units, layer.params(shape)[0])
        case LSTM():  # four gates, each of which reads the input, the last state and a bias
            return as_product(f"4 x ({shape[-1]} + {layer.units} + 1)", layer.units, layer.params(shape)[0])
        case BatchNorm():  # scale, offset, moving mean and moving variance
            return as_product("4", shape[-1], layer.params(shape)[0])
        case LayerNorm():  # scale and offset
            return as_product("2", shape[-1], layer.params(shape)[0])
    return ""


def as_product(each: str, times: int, total: int) -> str:
    """Return the arithmetic of a number of parameters, such as "(3x3x1 + 1) x 32 = 320"."""
    return f"{each} x {times} = {total:,}"
