"""What does the critical-difference diagram show? Every arm at its mean rank, and bars over those not shown apart."""

from collections.abc import Sequence

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from sadari.evaluation.draws.ranks import Ranks, rank
from sadari.report.plots.ranks import draw_ranks
from sadari.report.plots.style import laid_out, styled


def texts(ranks: Ranks) -> list[str]:
    with styled():
        figure = draw_ranks(ranks)
    suptitle = figure._suptitle.get_text() if figure._suptitle else ""  # type: ignore[attr-defined]
    return [suptitle, *(each.get_text() for axes in figure.axes for each in (axes.title, *axes.texts))]


def bars(ranks: Ranks) -> list[Sequence[float]]:
    with styled():
        [axes] = draw_ranks(ranks).axes
    return [
        np.round(np.asarray(line.get_xdata(), dtype=np.float64), 2).tolist()
        for line in axes.lines
        if line.get_linewidth() > 3
    ]


def test_arms_stand_at_their_ranks_and_bars_join_those_not_apart() -> None:
    generator = np.random.default_rng(1)
    found = rank(generator.normal([0, 0.3, 0.6, 1.5, 2.0], 0.5, (8, 5)).tolist(), ["e", "d", "c", "b", "a"])
    shown = texts(found)
    assert {"a  1.38", "b  1.75", "c  3.38", "d  4.12", "e  4.38", "critical difference"} <= set(shown)
    assert ("a", "d") in found.apart and ("a", "c") not in found.apart
    assert bars(found) == [[1.3, 3.46], [3.3, 4.46]]  # a to c, and c to e, a little longer at both ends


def test_the_diagram_of_too_few_sets_says_so() -> None:
    few, enough = rank([[0.9, 0.8, 0.7]] * 2, "abc"), rank([[0.9, 0.8, 0.7]] * 3, "abc")
    assert any("too few to show a difference" in text for text in texts(few))
    assert not any("too few" in text for text in texts(enough))
    assert any("critical difference 1.91" in text for text in texts(enough))


@pytest.mark.parametrize("arms", [2, 10, 25])
def test_long_names_are_not_cut_at_the_edges(arms: int) -> None:
    names = [f"mlp batch_size={arm} learning_rate=0.{arm} weight_decay=0.{arm}" for arm in range(arms)]
    accuracies = np.random.default_rng(0).normal(np.linspace(0, 0.5, arms), 0.1, (10, arms))
    with laid_out(draw_ranks, rank(accuracies.tolist(), names)) as figure:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
        places = [text.get_window_extent(renderer) for axes in figure.axes for text in axes.texts]
        assert min(each.x0 for each in places) >= 0
        assert max(each.x1 for each in places) <= figure.bbox.width


@pytest.mark.parametrize("arms", [2, 6, 25, 40])
@pytest.mark.parametrize("long", [True, False])
def test_no_label_is_over_another_one_and_no_bar_over_a_name(arms: int, long: bool) -> None:
    names = [f"mlp batch_size={arm} learning_rate=0.{arm}" if long else str(arm) for arm in range(arms)]
    accuracies = np.random.default_rng(0).normal(np.linspace(0, 0.5, arms), 0.1, (10, arms))
    with laid_out(draw_ranks, rank(accuracies.tolist(), names)) as figure:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
        [axes] = figure.axes
        places = [text.get_window_extent(renderer) for text in axes.texts]
        over = [
            (axes.texts[at].get_text(), axes.texts[other].get_text())
            for at in range(len(places))
            for other in range(at)
            if places[at].overlaps(places[other])
        ]
        assert over == []
        drawn = (float(np.min(np.asarray(line.get_ydata()))) for line in axes.lines if line.get_linewidth() > 3)
        lowest = min(drawn, default=0.0)
        highest = max(text.get_position()[1] for text in axes.texts if "  " in text.get_text())
        assert highest < lowest
