"""What does a user read when code of a plug-in fails in the middle of a training? A sentence that names it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sadari.errors import SadariError

MEMORY = ("memory", "bad_alloc")  # in what torch says where there is too little of it


@contextmanager
def calling(kind: str, name: str, made: Any) -> Iterator[None]:
    """Raise SadariError where the code of `made`, the entry `name` of a kind, fails inside with anything else.

    It may not end the process either, as sys.exit would. Errors about memory pass, since a training answers them with
    smaller steps.
    """
    try:
        yield
    except SadariError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, MemoryError) or any(each in str(error) for each in MEMORY):
            raise
        lines = str(error).splitlines()
        reason = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
        where = getattr(made, "__module__", None) or "a plug-in"
        raise SadariError(f"the {kind} '{name}' of {where} fails ({reason})") from error


def require_images(kind: str, name: str, made: Any, changed: Any, pixels: Any) -> None:
    """Raise SadariError unless `changed`, which `made` returned, is images as the tensor `pixels` has them."""
    shape, dtype = (getattr(changed, each, None) for each in ("shape", "dtype"))
    if shape != pixels.shape or dtype != pixels.dtype:
        found = type(changed).__name__ if shape is None else f"{dtype} of the shape {tuple(shape)}"
        raise SadariError(
            f"the {kind} '{name}' of {made.__module__} returns {found}, where uint8 of {tuple(pixels.shape)} belongs"
        )
