"""Are Korean names written in plots, also by a font that was installed later, and is it said where no font can?"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib import font_manager

from sadari.report.figures import SampleGrid
from sadari.report.plots import fonts, style
from sadari.report.plots.images import draw_samples
from sadari.report.plots.saving import save_png
from support.terminal import Terminal

KOREAN = "골든 리트리버"


@pytest.fixture
def fresh() -> Iterator[None]:
    """Forget what was found and said before, and afterwards again."""
    kept = list(font_manager.fontManager.ttflist)
    fonts.font_families.cache_clear()
    fonts._said.clear()
    fonts._missing.clear()
    yield
    font_manager.fontManager.ttflist[:] = kept
    fonts.font_families.cache_clear()
    fonts._said.clear()
    fonts._missing.clear()


def forget_east_asian() -> None:
    """Make Matplotlib's list of fonts what it was before one with Hangul was installed."""
    listed = font_manager.fontManager.ttflist
    listed[:] = [each for each in listed if each.name not in fonts.EAST_ASIAN and "CJK" not in each.name]


def draw(folder: Path) -> None:
    images = np.zeros((5, 8, 8, 1), dtype=np.uint8)
    save_png(draw_samples, SampleGrid("동물", images, (KOREAN,) * 5), folder / "samples.png")


@pytest.mark.skipif(not set(fonts.EAST_ASIAN) & set(font_manager.get_font_names()), reason="no font with Hangul here")
@pytest.mark.usefixtures("fresh")
def test_a_font_that_was_installed_later_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[Path] = []
    monkeypatch.setattr(font_manager, "json_dump", lambda _, path: stored.append(path))
    forget_east_asian()
    assert set(fonts.font_families()) & set(fonts.EAST_ASIAN)
    assert len(stored) == 1, "the list is stored again, so that the next process need not look"
    draw(tmp_path)
    assert fonts.boxes_notice() == ()


@pytest.mark.usefixtures("fresh")
def test_letters_that_no_font_has_are_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "font_families", lambda: ("DejaVu Sans",))
    draw(tmp_path)
    (said,) = fonts.boxes_notice()
    assert said.startswith("no font of this machine has ")
    assert all(letter in said for letter in "골든리트버동물")
    assert "fonts-nanum" in said
    draw(tmp_path)
    assert fonts.boxes_notice() == ()


@pytest.mark.usefixtures("fresh")
def test_doctor_says_whether_korean_names_can_be_drawn(sadari: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "fonts     plots are written in DejaVu Sans" in sadari("doctor").out
    monkeypatch.setattr(fonts, "EAST_ASIAN", ())
    fonts.font_families.cache_clear()
    said = next(line for line in sadari("doctor").out.splitlines() if line.startswith("fonts"))
    assert "without Hangul and Kana and Han, shown as boxes; install one" in said
