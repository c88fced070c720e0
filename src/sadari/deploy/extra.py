"""Which packages does handing over need, and what if they are not installed?"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

from sadari.errors import SadariError


def require(package: str) -> ModuleType:
    """The imported `package` of the optional extra `deploy`; raises SadariError saying how to install it."""
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        raise SadariError(
            f"exporting to ONNX needs the package {error.name}; install it with: pip install 'sadari[deploy]'"
        ) from None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep from the user what the exporters tell their developers."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
