"""What does the command line say where a command makes no sense?"""

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
