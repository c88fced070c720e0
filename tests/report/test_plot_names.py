"""Do names in plots take the width that is there, keep both of their ends, and wrap; and is 0 one colour in maps?"""

import numpy as np
import pytest

from sadari.report.plots.images import zero_anchored
from sadari.report.plots.names import cut_middle, text_width, wrapped
from sadari.report.plots.style import styled

LONG = "Golden retriever and standard poodle mix"
KOREAN = "골든 리트리버와 스탠더드 푸들의 잡종 강아지"


@pytest.mark.parametrize("name", [LONG, KOREAN, "가" * 60, "e\N{COMBINING ACUTE ACCENT}" * 60])
@pytest.mark.parametrize("inches", [0.5, 1.2])
def test_a_name_is_cut_in_its_middle_to_the_width_that_there_is(name: str, inches: float) -> None:
    with styled():
        shown = cut_middle(name, inches, 8)
        assert 0.6 * inches < text_width(shown, 8) <= inches
    first, last = shown.split("…")
    assert name.startswith(first) and name.endswith(last)
    assert last and not last.startswith("\N{COMBINING ACUTE ACCENT}")


def test_what_fits_stays_as_it_is() -> None:
    with styled():
        assert cut_middle("iiiiiiiiiiiiiiiiiiiiii", 1.0, 8) == "iiiiiiiiiiiiiiiiiiiiii", "letters are not counted"
        assert cut_middle("WWWWWWWWWWWWWWWWWWWWWW", 1.0, 8) != "WWWWWWWWWWWWWWWWWWWWWW"
        assert wrapped("dog", 1.0, 8) == "dog"


@pytest.mark.parametrize("name", [LONG, KOREAN, "가" * 60])
def test_a_long_name_takes_two_lines(name: str) -> None:
    with styled():
        first, second = wrapped(name, 1.2, 8).split("\n")
        assert max(text_width(first, 8), text_width(second, 8)) <= 1.2
    assert name.startswith(first) and name.endswith(second[-2:])


def test_zero_has_one_colour_in_maps() -> None:
    nothing = zero_anchored(np.zeros((1, 2, 2)))
    assert (nothing["vmin"], nothing["vmax"]) == (0.0, 1.0), "a channel without any answer is black"
    above = zero_anchored(np.array([[[2.0, 5.0]]]))
    assert (above["vmin"], above["vmax"]) == (0.0, 5.0)
    both = zero_anchored(np.array([[[-1.0, 3.0]]]))
    assert (both["vmin"], both["vmax"]) == (-3.0, 3.0) and both["cmap"] != above["cmap"]
