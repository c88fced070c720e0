"""Is the page one safe document that holds the report's values as they are?"""

import json
import re
from base64 import b64encode
from dataclasses import asdict, replace
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest

from sadari.report.contents import Report
from sadari.report.page import SCRIPTS, TEMPLATES, render, without_folders
from support.reports import ARMS, small_report

HOSTILE = "</script x</script><script>window.hacked=1</script><!-- <img src=x onerror='window.hacked=1'> & \u2028"
MOST_BYTES = 5_000_000
MOST_LINES = 250


class Elements(HTMLParser):
    """The elements of a document with their attributes, and the raw text of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[list[str]] = []
        self.inside = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.texts.append([])
        self.inside = True

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.texts[-1].append(data)

    def named(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [
            (attributes, "".join(texts))
            for (name, attributes), texts in zip(self.found, self.texts, strict=True)
            if name == tag
        ]


def data_of(page: str) -> Any:
    found = [text for attributes, text in Elements(page).named("script") if attributes.get("id") == "contents-data"]
    assert len(found) == 1
    return json.loads(found[0])


def as_lists(value: Any) -> Any:
    return json.loads(json.dumps(value))


def hostile_report() -> Report:
    report = small_report(classes=(HOSTILE, "b"), arms=(HOSTILE, "mlp"))
    pictures = replace(report.pictures, ids=tuple(f"{HOSTILE}/{each}" for each in report.pictures.ids))
    return replace(
        report,
        pictures=pictures,
        title=HOSTILE,
        verdict=HOSTILE,
        command=HOSTILE,
        made=HOSTILE,
        version=HOSTILE,
        conclusions=(HOSTILE,),
        notes=(HOSTILE,),
        facts=replace(report.facts, counts={HOSTILE: 5}),
    )


def test_the_page_holds_every_value_of_the_report() -> None:
    report = small_report()
    expected = as_lists(asdict(report))
    found = data_of(render(report))
    assert found["pictures"] == expected["pictures"]
    assert found["facts"] == expected["facts"]
    assert [arm["result"]["name"] for arm in found["arms"]] == [*ARMS, "lstm"]
    assert found["arms"][0]["detail"]["cells"] == expected["arms"][0]["detail"]["cells"]
    assert found["arms"][0]["result"]["accuracy"] == pytest.approx(expected["arms"][0]["result"]["accuracy"], rel=1e-5)
    assert found["arms"][1]["detail"]["confusion"] == expected["arms"][1]["detail"]["confusion"]
    assert found["arms"][1]["detail"]["layers"] == expected["arms"][1]["detail"]["layers"]
    assert found.keys() == expected.keys()


def test_the_first_screen_stands_without_the_script() -> None:
    page = render(small_report())
    body = page.split("<body>")[1].split('<script type="application/json"')[0]
    assert "cnn is shown to be the best of 3: 91.2 % of the images right." in body
    assert re.search("<th[^>]*>cnn</th><td>91.2</td><td>90.5 \u2013 91.8</td>", body)
    assert "failed: out of memory at batch 512; set batch_size to 256" in body
    assert "2,000 train · 400 val · 400 test" in body
    assert "<strong>2 leaked images</strong>" in body


def test_no_leaks_are_said() -> None:
    report = small_report()
    assert "no leaks found" in render(replace(report, facts=replace(report.facts, leaks=0)))
    assert "1 leaked image<" in render(replace(report, facts=replace(report.facts, leaks=1)))


def test_hostile_names_stay_text() -> None:
    report = hostile_report()
    page = render(report)
    elements = Elements(page)
    assert len(elements.named("script")) == 2
    raw = page.split('id="contents-data">')[1].split("</script>")[0]
    assert not set(raw) & set("<>&\u2028\u2029")
    assert not elements.named("img")
    assert data_of(page)["facts"]["classes"] == [HOSTILE, "b"]
    assert data_of(page)["pictures"]["ids"][0] == f"{HOSTILE}/test/00000"
    plain = Elements(render(small_report(classes=("a", "b"), arms=("cnn", "mlp"))))
    assert [tag for tag, _ in elements.found if tag not in ("li", "ul")] == [
        tag for tag, _ in plain.found if tag not in ("li", "ul")
    ]


def test_nothing_is_asked_of_a_network() -> None:
    for tag, attributes in Elements(render(small_report())).found:
        for name in ("src", "href", "action", "srcset", "poster"):
            address = attributes.get(name)
            assert address is None or address.startswith(("data:", "#")), (tag, name, address)
    for path in TEMPLATES.glob("*.css"):
        style = path.read_text(encoding="utf-8")
        assert "@import" not in style
        assert "url(" not in style


def test_the_policy_allows_this_script_and_this_style_and_nothing_else() -> None:
    elements = Elements(render(small_report()))
    policies = [str(each["content"]) for each, _ in elements.named("meta") if each.get("http-equiv")]
    assert len(policies) == 1
    allowed = dict(rule.strip().split(" ", 1) for rule in policies[0].split(";"))
    assert allowed["default-src"] == "'none'"
    script = next(text for attributes, text in elements.named("script") if attributes["type"] == "module")
    style = elements.named("style")[0][1]
    for rule, text in (("script-src", script), ("style-src", style)):
        assert allowed[rule] == f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
    assert allowed["img-src"] == "data: blob:"


def test_every_script_is_in_the_page_and_small() -> None:
    folder = TEMPLATES / "script"
    others = {folder / "map" / "page.js", *(folder / "tuned").glob("*.js")}  # of other pages
    files = sorted({*folder.rglob("*.js")} - others)
    assert sorted(SCRIPTS) == sorted(str(path.relative_to(folder)) for path in files)
    page = render(small_report())
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert text in page, path
        assert len(text.splitlines()) < MOST_LINES, path
        assert "</script" not in text, path
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text), path


def test_what_is_not_finite_is_missing() -> None:
    report = small_report()
    row = replace(report.arms[0].result, gap=float("nan"), seconds=float("inf"))
    arm = replace(report.arms[0], result=row)
    found = data_of(render(replace(report, arms=(arm, *report.arms[1:]))))
    assert found["arms"][0]["result"]["gap"] is None
    assert found["arms"][0]["result"]["seconds"] is None


def test_whole_numbers_take_no_decimals() -> None:
    page = render(small_report(per_class=100))
    assert re.search(r'"confusion":\[\[84\.8,15\.2,0,0\],\[0,100,0,0\]', page)


def test_a_file_name_that_is_no_text_can_be_written() -> None:
    report = small_report()
    broken = "test/\udcff.png"
    pictures = replace(report.pictures, ids=(broken, *report.pictures.ids[1:]))
    page = render(replace(report, pictures=pictures, title=broken))
    page.encode("utf-8")
    assert data_of(page)["pictures"]["ids"][0] == "test/\ufffd.png"


def test_other_scripts_stay_readable() -> None:
    assert "티셔츠" in render(small_report())


def test_ten_arms_on_ten_thousand_images_are_small_enough() -> None:
    arms = tuple(f"arm-{place}" for place in range(10))
    report = small_report(
        classes=tuple("0123456789"), arms=arms, seeds=5, per_class=1000, pictures=2000, per_cell=12, epochs=60
    )
    size = len(render(report).encode("utf-8"))
    assert 500_000 < size < MOST_BYTES


def test_the_same_report_is_the_same_page() -> None:
    assert render(small_report()) == render(small_report())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sadari compare /home/kim/photos --models cnn,/home/kim/m.toml", "sadari compare photos --models cnn,m.toml"),
        ("sadari compare '/home/kim/my photos/cats' --seeds 3", "sadari compare 'cats' --seeds 3"),
        ("weights=~/w/vgg16.safetensors", "weights=vgg16.safetensors"),
        ("C:\\data\\cats.zip", "cats.zip"),
        ("backbone vgg16 weights /a/b/vgg16.safetensors", "backbone vgg16 weights vgg16.safetensors"),
        ("https://arxiv.org/abs/1706.04599 and/or train/cat/1.png, ./near/by", None),
        ("(3x3x1 + 1) x 32 = 320; 28 / 2 = 14", None),
    ],
)  # fmt: skip
def test_paths_of_this_machine_stay_on_it(text: str, told: str | None) -> None:
    assert without_folders(text) == (text if told is None else told)


def test_no_path_stays_in_reasons_and_notes() -> None:
    report = small_report()
    first = report.arms[0]
    failed = replace(first.result, reason="the weights /home/kim/w/vgg16.safetensors lack a layer")
    leading = replace(first, result=failed)
    page = render(replace(report, arms=(leading, *report.arms[1:]), notes=("'/home/kim/cats/b.png' was left out",)))
    assert "/home/kim" not in page
    assert "the weights vgg16.safetensors lack a layer" in page and "'b.png' was left out" in page
