"""Does the page of a search show its trials?"""

import json
import re
from dataclasses import replace
from pathlib import Path

from sadari.report.page import TEMPLATES
from sadari.report.tuned.figures import trials_plot
from sadari.report.tuned.page import SCRIPTS, tuned_page, write_tuned, write_tuned_plots
from sadari.tuning.result import TuneResult


def test_the_plots_hold_every_trial(whole: TuneResult) -> None:
    data = trials_plot(whole)
    assert [each.number for each in data.points] == [each.number for each in whole.trials]
    assert [each.accuracy for each in data.points] == [each.accuracy for each in whole.trials]
    assert {axis.key for axis in data.axes} == set(whole.request.space)
    weights = [axis.importance for axis in data.axes]
    assert weights == sorted(weights, key=lambda each: -(each or 0.0))
    for point, trial in zip(data.points, whole.trials, strict=True):
        for axis, place in zip(data.axes, point.places, strict=True):
            assert axis.low <= place <= axis.high
            assert (axis.values[int(place)] if axis.values else place) == trial.params[axis.key]
    best = [each.best for each in data.points if each.best is not None]
    assert best == sorted(best) and best[-1] == max(each.accuracy or 0.0 for each in data.done)
    assert whole.final is not None
    assert sum(each.finalist for each in data.points) == len(whole.final.records)


def test_the_plots_are_written_the_same_twice(whole: TuneResult, tmp_path: Path) -> None:
    first = write_tuned_plots(replace(whole, out=tmp_path / "one"))
    names = ["tune-history.png", "tune-parallel.png", "tune-slices.png", "tune-importance.png"]
    assert [path.name for path in first] == names
    second = write_tuned_plots(replace(whole, out=tmp_path / "two"))
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert one.with_suffix(".svg").read_bytes() == other.with_suffix(".svg").read_bytes()


def test_a_front_has_a_plot(whole: TuneResult, tmp_path: Path) -> None:
    request = replace(whole.request, objectives=("accuracy", "images_per_second"))
    drawn = write_tuned_plots(replace(whole, request=request, out=tmp_path))
    assert drawn[-1].name == "tune-front.png"


def test_before_a_trial_is_done_there_is_a_page_without_plots(whole: TuneResult, tmp_path: Path) -> None:
    trials = tuple(replace(each, state="under way", accuracy=None) for each in whole.trials[:1])
    nothing = replace(whole, trials=trials, final=None, importances={}, out=tmp_path)
    assert write_tuned_plots(nothing) == ()
    assert write_tuned(nothing).is_file()


def test_the_page_is_one_document_with_the_values_as_they_are(whole: TuneResult) -> None:
    page = write_tuned(whole, made="2026-01-01 00:00").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="contents-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    values = json.loads(found[1])
    assert values["verdict"] == whole.gain
    assert [each["number"] for each in values["trials"]["points"]] == [each.number for each in whole.trials]
    assert tuned_page(whole, made="2026-01-01 00:00") == tuned_page(whole, made="2026-01-01 00:00")
    assert str(whole.out) not in page, "no path of this machine"
    for name in SCRIPTS:
        text = (TEMPLATES / "script" / name).read_text(encoding="utf-8")
        assert text in page
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|</script", text)


def test_a_setting_with_hostile_text_stays_text(whole: TuneResult, tmp_path: Path) -> None:
    hostile = '<img src=x onerror="window.hacked=1">'
    trials = tuple(replace(each, reason=hostile, state="failed") for each in whole.trials)
    page = write_tuned(replace(whole, trials=trials, final=None, out=tmp_path)).read_text(encoding="utf-8")
    assert "<img src=x" not in page
