"""Are the tables of a comparison whole and in line on every terminal?"""

from io import StringIO
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from sadari.cli.output import comparison as shown
from sadari.cli.output import tables
from sadari.cli.output.console import new_table
from sadari.values import Interval
from support.compare_command import arm


def test_a_narrow_terminal_keeps_what_matters() -> None:
    wide = tables.arm_table([arm("cnn"), arm("mlp")], None)
    narrow = tables.arm_table([arm("cnn"), arm("mlp")], 60)
    assert max(map(len, narrow)) <= 60 < max(map(len, wide))
    for heading in ("model", "accuracy", "95 % interval", "gap", "time"):
        assert heading in narrow[0]
    assert "1,234,567" in wide[1] and "1m 15s" in wide[1]


def test_further_scores_are_shown_where_there_is_room() -> None:
    scored = {"top_5": 0.991, "balanced_accuracy": 0.892, "calibration_error": 0.045}
    heading, line, older = tables.arm_table([arm("cnn", scores=scored, seconds_per_epoch=12.5), arm("mlp")], None)
    for name, figure in {"top 5": "0.991", "balanced": "0.892", "calibration": "0.045", "s/epoch": "12.5"}.items():
        at = heading.index(name) + len(name)
        assert line[:at].endswith(f" {figure}")
        assert older[:at].endswith(" -")  # what a run does not have is said to be missing
    narrow = tables.arm_table([arm("cnn", scores=scored, seconds_per_epoch=12.5)], 110)[0]
    assert len(narrow) <= 110 and "macro F1" in narrow and "balanced" not in narrow


def test_a_metric_of_a_plug_in_has_its_column_with_its_interval() -> None:
    scored = arm(
        "cnn", scores={"brier": 0.0519, "top_5": 0.991}, intervals={"brier": Interval(0.0519, 0.0, 0.04, 0.07)}
    )
    heading, line, older = tables.arm_table([scored, arm("mlp")], None)
    at = heading.index("brier") + len("brier")
    assert line[:at].endswith(" 0.052") and older[:at].endswith(" -")
    assert "0.040 - 0.070" in line
    narrow, line, _ = tables.arm_table([scored, arm("mlp")], 80)
    assert len(narrow) <= 80 and "brier" in narrow and "top 5" not in narrow and "0.052" in line


def test_columns_stand_under_their_headings() -> None:
    lines = tables.arm_table([arm("cnn"), arm("a much longer name", params=1)], None)
    assert len({len(line) for line in lines}) == 1


def test_korean_names_stand_in_line_and_take_two_columns_a_letter() -> None:
    lines = tables.arm_table([arm("cnn"), arm("아주 긴 이름의 신경망")], None)
    assert len({cell_len(line) for line in lines}) == 1


def test_a_long_name_is_cut_in_its_middle_and_no_figure_is() -> None:
    names = [f"convnext_tiny fine-tuned with augment=rotate 30, shift 0.2, flip seed {each}" for each in "ab"]
    lines = tables.arm_table(
        [arm(names[0]), arm(names[1]), arm("골든 리트리버만 잘 구별하는 아주 긴 이름의 신경망")], 80
    )
    assert max(map(cell_len, lines)) <= 80
    assert all("0.900  0.880 - 0.920" in line and "1m 15s" in line for line in lines[1:])
    assert lines[1].startswith("  convnext_tiny") and "…" in lines[1] and "seed a " in lines[1]
    assert len({line.split("0.900")[0] for line in lines[1:]}) == 3, "each row says which one it is"


def test_names_that_differ_in_their_middle_are_not_made_alike() -> None:
    names = [f"{'x' * 30}{each}{'y' * 30}" for each in "ab"]
    first, second = tables.cut_names(names, 20)
    assert first != second


@pytest.mark.parametrize("width", [40, 80])
def test_no_figure_of_a_table_is_cut_on_a_narrow_terminal(width: int) -> None:
    table = new_table("class", "train", "val", "test", right=("train", "val", "test"))
    table.add_row("골든리트리버와스탠더드푸들의잡종강아지", "1,234,567", "123,456", "123,456")
    console = Console(width=width, file=StringIO())
    console.print(table)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(figure in shown for figure in ("1,234,567", "123,456")) and "…" not in shown


def test_a_failed_seed_shows_the_figures_and_the_reason() -> None:
    lines = tables.arm_table([arm("cnn", status="failed", reason="seed 1: no memory", seeds=(0,))], None)
    assert lines[1].startswith("  cnn  ") and "0.900" in lines[1]
    assert lines[2] == "  cnn  failed: seed 1: no memory"


def test_colour_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    def printed(**options: Any) -> str:
        out = io.StringIO()
        shown._line(Console(file=out, **options), "accuracy", "bold yellow")
        return out.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[1;33m" in printed(force_terminal=True)
    assert printed(force_terminal=False) == "accuracy\n"
    monkeypatch.setenv("NO_COLOR", "1")
    assert "33m" not in printed(force_terminal=True)
