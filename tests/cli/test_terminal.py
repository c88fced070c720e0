"""Do the bars of several tasks stand below each other, and is the terminal left as it was?"""

import io
import sys

import pytest
from rich.console import Console

from sadari.cli.output.progress import TerminalProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> TerminalProgress:
    """Made within the test, as pytest puts its own standard error in place between a fixture and the test."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    progress = TerminalProgress()
    progress._console = Console(file=sys.stderr, force_terminal=True, width=120)
    return progress


def shown(progress: TerminalProgress) -> list[str]:
    """The bars that can be seen."""
    return [task.description for task in progress._display.tasks] if progress._display else []


def test_tasks_under_way_at_the_same_time_have_a_bar_each(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = on_a_terminal(monkeypatch)
    first, second = progress.task("mlp seed 0", 10, "images"), progress.task("mlp seed 1", 10, "images")
    one = first.__enter__()
    other = second.__enter__()
    one.advance(4, "loss 0.5")
    assert shown(progress) == ["mlp seed 0", "mlp seed 1"]
    first.__exit__(None, None, None)
    other.advance(10)
    assert shown(progress) == ["mlp seed 1"]
    second.__exit__(None, None, None)
    assert progress._display is None


def test_a_task_that_fails_leaves_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = on_a_terminal(monkeypatch)
    with pytest.raises(ValueError, match="no"), progress.task("mlp seed 0", 10, "images"):
        raise ValueError("no")
    assert progress._display is None
    with progress.task("mlp seed 1", 10, "images"):
        assert shown(progress) == ["mlp seed 1"]


@pytest.mark.parametrize(("total", "counted"), [(10, "4/10 images"), (0, "4 images")])
def test_a_long_task_is_counted_against_its_total_where_that_is_known(
    total: int, counted: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sadari.cli.output.progress.LINE_EVERY", 0.0)
    with TerminalProgress().task("unknown images", total, "images") as task:
        task.advance(4)
    assert f"unknown images: {counted}, " in capsys.readouterr().err
