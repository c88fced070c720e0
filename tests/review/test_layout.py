"""Do alike pictures lie near each other on a map, the same for one seed, and is it computed once?"""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sadari.progress import Silent
from sadari.review import layout
from sadari.review.layout import lay_out


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


def heaps(count: int = 60, kinds: int = 3, width: int = 40) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return features of heaps that are far apart, and the heap of each."""
    generator = np.random.default_rng(0)
    of = np.arange(count) % kinds
    middles = 10 * generator.normal(size=(kinds, width))
    return (middles[of] + generator.normal(size=(count, width))).astype(np.float32), of


def test_what_is_alike_is_near_and_everything_is_on_the_map() -> None:
    rows, of = heaps()
    found = lay_out(rows, 0, Silent())
    assert found.places.shape == (60, 2) and found.places.dtype == np.float32
    assert (
        found.places.min() >= 0 and found.places.max() <= 1 and np.ptp(found.places, axis=0).max() == pytest.approx(1)
    )
    assert (of[found.near] == of[:, None]).all()
    middles = np.stack([found.places[of == kind].mean(axis=0) for kind in range(3)])
    far = np.linalg.norm(found.places[:, None] - middles, axis=2)
    assert (far.argmin(axis=1) == of).all()
    assert found.kept.trustworthiness > 0.9 and 0.3 < found.kept.share <= 1


def test_one_seed_gives_one_map_and_it_is_stored(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = heaps()
    first = lay_out(rows, 0, Silent())
    stored = list(cache.glob("*/features.npy"))
    assert len(stored) == 1
    monkeypatch.setattr(layout, "read_features", lambda _: None)
    assert np.array_equal(lay_out(rows, 0, Silent()).places, first.places), "computed again, to the same bits"
    monkeypatch.undo()


def test_a_stored_map_is_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = heaps()
    first = lay_out(rows, 0, Silent())
    monkeypatch.setattr(layout, "_places", lambda *_: pytest.fail("computed again"))
    again = lay_out(rows, 0, Silent())
    assert np.array_equal(again.places, first.places) and again.kept == first.kept


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 12])
def test_few_pictures_have_a_map_too(count: int) -> None:
    found = lay_out(heaps(count)[0], 0, Silent())
    assert found.places.shape == (count, 2) and np.isfinite(found.places).all()
    assert found.near.shape == (count, min(12, count - 1))


def test_pictures_that_are_all_alike_have_places_apart_from_nothing() -> None:
    found = lay_out(np.ones((20, 30), dtype=np.float32), 0, Silent())
    assert np.isfinite(found.places).all() and found.places.min() >= 0 and found.places.max() <= 1
