"""Does the page of `data check --html` show what was found, gravest first, and nothing that a browser would run?"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from sadari.report.data import checked
from support.terminal import Answer, Terminal


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Write 6 photographs of each class into train and test; some are copies of others, in both splits and classes."""
    drawn = np.random.default_rng(0).standard_normal((24, 64, 64))
    noise = gaussian_filter(drawn, (0, 4, 4)) + 0.15 * gaussian_filter(drawn, (0, 0.7, 0.7))
    pixels = (255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)
    pixels[1] = pixels[0]  # identical, in train and in one class
    pixels[12] = np.clip(pixels[2].astype(int) + 12, 0, 255)  # near, across splits
    pixels[13] = pixels[3][:, ::-1]  # mirrored, across splits
    pixels[7] = pixels[4]  # identical, under two labels
    for at, each in enumerate(pixels):
        split, label = ("train", "test")[at // 12], ("cat<b>", "dog")[at // 6 % 2]
        folder = tmp_path / "pets" / split / label
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(each).save(folder / f"{at:02d}.png")
    return tmp_path / "pets"


@pytest.fixture
def check(pets: Path, tmp_path: Path, sadari: Terminal) -> Callable[..., Answer]:
    """Write the page of the pets, by default page.html, and return what the command answers."""
    return lambda *more, page="page.html": sadari("data", "check", pets, "--html", tmp_path / page, *more)


def test_the_page_shows_all_copies_those_across_splits_first(check: Callable[..., Answer], tmp_path: Path) -> None:
    answer = check()
    assert answer.status == 0 and f"page  {tmp_path / 'page.html'}" in answer.out
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    heads = re.findall(r'<h2 class="small">(.*?)</h2>', text)
    assert heads[0].startswith("near-copies, cosine") and heads[1].startswith("near-copies, mirrored, cosine 1.00")
    assert heads[2:] == ["identical", "identical"]
    assert text.count('<img src="data:image/webp') == 8
    assert text.index("train/dog/07.png") < text.index("train/cat&lt;b&gt;/01.png")  # two labels before a mere repeat
    assert "pets: 2 images leak" in text and "2 test images of 12 are near-copies" in text


def test_nothing_on_the_page_is_run_or_fetched(check: Callable[..., Answer], tmp_path: Path) -> None:
    check()
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in text and "cat<b>" not in text and "default-src 'none'" in text
    assert not re.search(r'(?:src|href)="(?!data:)', text)


def test_what_is_too_much_for_the_page_is_counted(
    check: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checked, "MOST_GROUPS", 1)
    monkeypatch.setattr(checked, "MOST_SHOWN", 1)
    check()
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "3 more groups of copies are not shown" in text and ", and 1 more</h2>" in text and text.count("<img") == 1


def test_json_names_the_page_and_another_name_is_refused(check: Callable[..., Answer], tmp_path: Path) -> None:
    answer = check("--json")
    assert json.loads(answer.out)["page"] == str(tmp_path / "page.html")
    refused = check(page="page.txt")
    assert refused.status == 2 and "--html is the name of an .html file, not" in refused.err
    assert not (tmp_path / "page.txt").exists()
