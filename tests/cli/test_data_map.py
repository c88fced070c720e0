"""Does `sadari data map` write its page, say what it shows, and refuse what makes no sense?"""

from pathlib import Path

import pytest

from support.terminal import Terminal


def test_the_page_is_written_and_described(sadari: Terminal) -> None:
    answer = sadari("data", "map", "digits", "--most", "60")
    assert answer.status == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0].startswith("60 pictures by their pixels, a random sample of 1,797")
    assert lines[-1] == f"page  map.html ({Path('map.html').stat().st_size / 1e6:.1f} MB)"
    text = Path("map.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text and "digits: a map of its pictures" in text


def test_one_document_has_every_picture(sadari: Terminal) -> None:
    answer = sadari("data", "map", "digits", "--most", "60", "--out", "other.html", "--json")
    document = answer.document
    assert (document["data"], document["images"], document["shown"]) == ("digits", 1797, 60)
    assert document["page"] == str(Path("other.html").resolve()) and Path("other.html").is_file()
    assert set(document["pictures"][0]) == {"id", "x", "y", "class", "split", "alike"}
    assert 0.5 < document["trustworthiness"] <= 1 and 0 < document["neighbours_kept"] <= 1
    again = sadari("data", "map", "digits", "--most", "60", "--out", "other.html", "--json").document
    assert again == document


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--out", "map.png"), "--out is the name of an .html file, not 'map.png'"),
        (("--features", "colour"), "--features is one of auto, backbone, pixels, not 'colour'"),
        (("--most", "5"), "--most is a number from 10 to 20,000, not 5"),
        (("--run", "nowhere"), "'nowhere' is not a run"),
        (("--set", "seed=3"), "unknown setting 'seed'"),
    ],
)
def test_a_wrong_request_is_one_sentence(sadari: Terminal, words: tuple[str, ...], sentence: str) -> None:
    answer = sadari("data", "map", "digits", *words)
    assert answer.status == 2 and sentence in answer.err
    assert not Path("map.html").exists()


def test_a_run_on_other_images_is_refused(sadari: Terminal) -> None:
    assert sadari("train", "digits", "--model", "softmax", "--epochs", "1", "--out", "run").status == 0
    assert sadari("data", "map", "shapes", "--run", "run").status == 1
    answer = sadari("data", "map", "digits", "--run", "run", "--most", "400", "--json")
    assert answer.document["wrong"] > 0 and answer.document["run"] == "run"


def test_the_folds_of_a_comparison_have_judged_every_image(sadari: Terminal) -> None:
    words = ("--models", "softmax", "--folds", "3", "--epochs", "1", "--out", "folds")
    assert sadari("compare", "digits", *words).status == 0
    document = sadari("data", "map", "digits", "--run", "folds", "--most", "400", "--json").document
    assert document["run"] == "softmax" and 0 < document["wrong"] < 400
    assert all(each["predicted"] is not None and each["split"] == "" for each in document["pictures"])
