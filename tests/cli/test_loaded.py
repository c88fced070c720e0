"""Which slow packages do the commands load that read what is on disk? None that their work does not need."""

from pathlib import Path

import pytest

import sadari as public
from sadari.comparison.result import ComparisonResult
from support.loaded import HEAVY, loaded_by, typed
from support.server import noise


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> ComparisonResult:
    """Two models on the digits, small grey images whose map is one of their pixels, with the map of a first report."""
    out = tmp_path_factory.mktemp("runs") / "digits"
    result = public.compare("digits", ["majority", "mlp"], seeds=1, epochs=1, tensorboard="off", out=out)
    public.write_report(result)  # scikit-learn lays out the map; the cache has it from then on
    return result


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(noise(1)[0])
    return path


def test_a_page_about_runs_needs_neither_torch_nor_plots(made: ComparisonResult) -> None:
    page = made.out / "report.html"
    page.unlink()
    assert loaded_by(typed("report", str(made.out)), HEAVY) == {"scipy"}
    assert page.is_file()


def test_a_photograph_is_judged_with_torch_alone(made: ComparisonResult, photo: Path) -> None:
    command = typed("predict", str(made.out / "mlp-seed0"), str(photo), "--json")
    assert loaded_by(command, HEAVY) == {"torch"}


def test_a_look_inside_draws_and_computes_no_statistics(made: ComparisonResult, photo: Path, tmp_path: Path) -> None:
    command = typed("explain", str(made.out / "mlp-seed0"), str(photo), "--out", str(tmp_path / "seen"))
    assert loaded_by(command, HEAVY) == {"torch", "matplotlib"}
    assert len(list((tmp_path / "seen").rglob("*.png"))) > 3
