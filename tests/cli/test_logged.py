"""What does a user of --log-to see: what is refused before anything is trained, and what is there afterwards?"""

from pathlib import Path

import pytest

from sadari.training import train as training
from support.logged import in_tensorboard
from support.terminal import Terminal

SET = "shapes:images=60,size=16"
QUICK = ("--epochs", "3", "--set", "threads=1", "--set", "tensorboard=off")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("train", SET, "--model", "softmax", "--log-to", "tensorbord"), "did you mean 'tensorboard'?"),
        (("compare", SET, "--log-to", "tensorboard,tensorboard:other"), "--log-to names tensorboard twice"),
        (
            ("compare", SET, "--models", "best", "--budget", "1m", "--log-to", "tensorboard"),
            "a search for the best model logs to no tracker",
        ),
        (("tune", SET, "--model", "mlp", "--log-to", "trackyo"), "did you mean 'trackio'?"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(
    words: tuple[str, ...], sentence: str, sadari: Terminal, tmp_path: Path
) -> None:
    answer = sadari(*words)
    assert (answer.status, answer.out) == (2, "") and sentence in answer.err
    assert not list(tmp_path.iterdir())


def test_a_run_goes_on_in_its_tracker_by_resume(
    sadari: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped where its results would be written; the pictures come at the end, whoever ends it."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    words = ("train", SET, "--model", "softmax", *QUICK, "--out", "run", "--log-to", "tensorboard:events")
    with monkeypatch.context() as patched:
        patched.setattr(training, "write_results", interrupted)
        assert sadari(*words).status == 130
    assert in_tensorboard("events", "events/run", "").rows["train_loss"]
    monkeypatch.chdir(tmp_path / "events")  # from another folder, too
    answer = sadari("resume", tmp_path / "run")
    assert answer.status == 0 and "left out" not in answer.err
    seen = in_tensorboard("events", str(tmp_path / "events" / "run"), "")
    assert [step for step, _ in seen.rows["train_loss"]] == [1, 2, 3]
    assert seen.figures["scores/test/accuracy"] > 0 and "plots/confusion-run" in seen.pictures
