"""How are packages of the optional extra `deploy` imported? With one sentence where one is missing, and silently."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

from sadari.errors import missing_package


def require(package: str, what: str = "exporting to ONNX") -> ModuleType:
    """Import `package` of the optional extra `deploy`, which `what` needs; raise SadariError with how to install it."""
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        raise missing_package(what, error.name, "deploy") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the logs and warnings of the exporters, which are meant for their developers."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
