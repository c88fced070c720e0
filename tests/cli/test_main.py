"""What does the command line say where a command makes no sense?"""

import signal
import sys

import pytest

from sadari.cli.main import main


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nonsense"], "error: No such command 'nonsense'; see `sadari --help`\n"),
        (["train", "digits"], "error: Missing option '--model'; see `sadari --help`\n"),
    ],
)
def test_what_makes_no_sense_ends_with_a_sentence_and_status_2(
    words: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sadari", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == sentence


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP here")
def test_a_signal_after_the_work_ends_the_process_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["sadari", "--version"])
    before = signal.getsignal(signal.SIGHUP)
    try:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        with pytest.raises(SystemExit):
            main()
        assert signal.getsignal(signal.SIGTERM) == signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # below nohup
        with pytest.raises(SystemExit):
            main()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_at_any_moment_is_said_and_has_its_own_status(
    number: int, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's `&` has the tests ignore
    monkeypatch.setattr("sadari.training.interrupt._last", [int(signal.SIGINT)])
    monkeypatch.setattr("sadari.run_lookup.is_across", lambda _: signal.raise_signal(number))
    monkeypatch.setattr(sys, "argv", ["sadari", "report", "somewhere"])
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert ended.value.code == status
    assert capsys.readouterr().err == "interrupted\n"
