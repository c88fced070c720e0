"""What a cache holds in tests: packs of photos, and one set of features."""

from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from sadari.cli.data.commands import app
from sadari.data.cache.features import keep_features

METADATA = {"data": "abc", "layers": "conv"}
FLOAT = np.dtype(np.float32)


def pack_in(cache: Path) -> Path:
    (pack,) = (cache / "packs").iterdir()
    return pack


def keep_rows() -> None:
    keep_features(METADATA, (7, 3), FLOAT, iter([np.arange(21, dtype=np.float32).reshape(7, 3)]))


def must_not_run(*_: object) -> None:
    raise AssertionError("this must not run again")


def clear() -> None:
    assert CliRunner().invoke(app, ["cache", "--clear"]).exit_code == 0
