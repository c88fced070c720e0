"""Is the folder of `export --to web` whole, and does its page classify without a server and without a network?"""

import gzip
import json
import lzma
import re
from base64 import b64decode
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import sadari as public
from sadari.deploy.browser import export as exporting
from sadari.deploy.browser import runtime
from sadari.deploy.browser.bundle import bundle
from sadari.deploy.browser.page import page as make_page
from sadari.deploy.onnx_runtime import load_onnx
from sadari.inference.classifier import Classifier
from sadari.run import RunRecord
from support.browser import CHROMIUM, NEEDS_BROWSER, Open, draw_seven, said
from support.server import noise
from support.terminal import Terminal

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("</script><b>골든 리트리버와 토이 푸들 잡종</b>", "Golden retriever and standard poodle mix")
NO_IMAGES = np.zeros((0, 8, 8, 1), np.uint8)
FAKE_CAMERA = ["--no-sandbox", "--use-fake-device-for-media-stream"]


def needs_browser(test: Any) -> Any:
    for mark in NEEDS_BROWSER:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def folder(digits_run: RunRecord, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small network of the digits."""
    return public.export(digits_run.path, "web", out=tmp_path_factory.mktemp("web") / "digits").path


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return (folder / "index.html").read_text(encoding="utf-8")


def block(html: str, name: str) -> str:
    found = re.search(rf'<script type="[\w/]+" id="{name}">([^<]*)</script>', html)
    assert found is not None
    return found[1]


def test_everything_is_in_one_file(folder: Path, html: str) -> None:
    assert sorted(each.name for each in folder.iterdir()) == ["index.html", "licences.txt"]
    assert re.findall(r'(?:src|href)="(?!data:|#)', html) == []
    assert re.findall(r"^\s*(?:import|export)\b.*", html, re.MULTILINE) == []
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None and "default-src 'none'" in policy[1] and "unsafe-inline" not in policy[1]
    licences = (folder / "licences.txt").read_text(encoding="utf-8")
    for part in ("Apache License 2.0", "Copyright (c) Microsoft Corporation", "protobuf"):
        assert part in licences


def test_the_model_in_it_is_the_trained_one(html: str, digits_run: RunRecord, classifier: Classifier) -> None:
    predict = load_onnx(gzip.decompress(b64decode(block(html, "network"))))
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), dtype=np.uint8)
    assert np.abs(predict(images) - classifier.probabilities(images)).max() < 1e-5
    described = json.loads(block(html, "described"))
    assert (described["model"], described["data"], described["classes"]) == ("cnn", "digits", list("0123456789"))
    assert described["scores"]["test"] == digits_run.scores("test")
    assert described["input"] == {"height": 8, "width": 8, "channels": 1, "fit": "crop", "interpolation": "bilinear"}


def test_the_command_says_what_to_open(
    sadari: Terminal, digits_run: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "page", lambda described, onnx: f"{len(onnx)} {described['model']}")
    answer = sadari("export", str(digits_run.path), "--to", "web", "--out", "pages/mine")
    assert (answer.status, answer.err) == (0, "")
    first, proof, following = answer.out.splitlines()
    assert first.startswith("pages/mine   ") and first.endswith("uint8 (N, 8, 8, 1) -> probabilities (N, 10)")
    assert proof.startswith("  the same class as the run's network for all")
    assert following == "next  open pages/mine/index.html in a browser; no server is needed"
    again = sadari("export", str(digits_run.path), "--to", "web", "--out", "pages/mine")
    assert (again.status, again.out) == (2, "")
    assert "'pages/mine' is there already; choose another --out, or remove it" in again.err


def test_a_model_that_no_browser_opens_is_refused(
    digits_run: RunRecord, classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "LARGEST", 9)
    with pytest.raises(public.SadariError, match=r"a browser opens no page of more than .*; try --quantize int8"):
        exporting.write_web_folder(digits_run, classifier, b"1234567890", (None, None), NO_IMAGES, tmp_path / "web")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "sentence"), [(b"damaged", "cannot read"), (lzma.compress(b"x"), "is not the file")]
)
def test_a_damaged_runtime_is_one_sentence(
    content: bytes, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "FOLDER", tmp_path)
    (tmp_path / f"{runtime.LICENCE}.xz").write_bytes(content)
    with pytest.raises(public.SadariError, match=f"{sentence}.*; install Sadari again"):
        runtime.runtime_file(runtime.LICENCE)


def test_a_drawing_is_placed_like_the_images() -> None:
    images = np.zeros((4, 10, 10, 1), np.uint8)
    images[0, 2:6, 3:5] = images[1, 4, 1:9] = images[2, :, 4] = 200
    images[3] = 60  # background alone
    assert exporting.extent(images) == 0.8
    assert exporting.extent(images[3:]) is None


def test_only_known_forms_are_bundled() -> None:
    files = {
        "main.js": 'import * as two from "./two.js";\nimport { one } from "./one.js";\ntwo.say(one);\n',
        "two.js": 'import { one } from "./one.js";\nexport function say(x) {}\nexport const three = one + 2;\n',
        "one.js": "export const one = 1;\n",
        "odd.js": "export default 3;\n",
        "ring.js": 'import { a } from "./ring.js";\nexport const a = 1;\n',
    }
    script = bundle("main.js", files.__getitem__)
    assert [line for line in script.splitlines() if line.startswith("// ")] == ["// one.js", "// two.js", "// main.js"]
    assert "return { say, three };" in script and "const { one } = one_module;" in script
    with pytest.raises(ValueError, match=r"odd\.js has 'export default 3;'"):
        bundle("odd.js", files.__getitem__)
    with pytest.raises(ValueError, match=r"ring\.js imports itself"):
        bundle("ring.js", files.__getitem__)


@pytest.mark.slow
def test_int8_is_smaller_and_says_its_cost(
    sadari: Terminal, digits_run: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sadari.deploy.quantize.SHORTEST", 0.005)
    answer = sadari("export", str(digits_run.path), "--to", "web", "--quantize", "int8", "--out", "small", "--json")
    cost = answer.document["cost"]
    described = json.loads(block((tmp_path / "small/index.html").read_text(encoding="utf-8"), "described"))
    assert f"to {cost['accuracy_int8']:.3f} on {cost['images']:,} images" in described["caution"]


@needs_browser
@pytest.mark.parametrize("served", [False, pytest.param(True, marks=pytest.mark.slow)], ids=("file", "server"))
def test_it_classifies_what_is_drawn_and_chosen(
    open_page: Open, folder: Path, digits_run: RunRecord, served: bool, tmp_path: Path
) -> None:
    with serving(folder) as address:
        page = open_page(f"{address}/index.html" if served else (folder / "index.html").as_uri())
        assert "cnn on digits" in page.locator("#facts").inner_text()
        draw_seven(page)
        assert said(page) == "7"
        for number, content in enumerate(noise(2)):
            (tmp_path / f"{number}.png").write_bytes(content)
            page.set_input_files("#pick", str(tmp_path / f"{number}.png"))
            (answer,) = public.predict(digits_run.path, tmp_path / f"{number}.png", abstain=0.95)
            assert said(page) == (answer.label if answer.known else "none of these")
            assert np.abs(shares(page) - answer.probabilities).max() < 1e-4


class serving:  # noqa: N801 - reads as a verb
    """A server of plain files, for the time of a block."""

    def __init__(self, folder: Path) -> None:
        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))

    def __enter__(self) -> str:
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def shares(page: "Page") -> Any:
    """Return the probabilities that the bars show, in the order of the classes."""
    return np.array(
        page.locator("#bars li").evaluate_all("(all) => all.map((e) => +e.style.getPropertyValue('--share'))")
    )


@needs_browser
def test_no_answer_stays_beside_another_image(open_page: Open, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(noise(1)[0])
    (tmp_path / "bad.png").write_bytes(b"no image")
    page = open_page((folder / "index.html").as_uri())
    page.set_input_files("#pick", str(tmp_path / "good.png"))
    said(page)
    page.set_input_files("#pick", str(tmp_path / "bad.png"))
    page.wait_for_selector("#trouble:not([hidden])")
    assert page.locator("#trouble").inner_text() == "This browser cannot read bad.png; choose a JPEG or a PNG."
    assert page.locator("#verdict").inner_text() == "" and shares(page).max() == 0


@needs_browser
@pytest.mark.parametrize("width", [360, pytest.param(1200, marks=pytest.mark.slow)])
def test_names_of_any_kind_fit(open_page: Open, html: str, tmp_path: Path, width: int) -> None:
    network = gzip.decompress(b64decode(block(html, "network")))
    described = {**json.loads(block(html, "described")), "classes": [*NAMES, *"23456789"]}
    (tmp_path / "index.html").write_text(make_page(described, network), encoding="utf-8")
    for scheme in ("light", "dark"):
        page = open_page((tmp_path / "index.html").as_uri(), width=width, scheme=scheme)
        draw_seven(page)
        said(page)
        assert page.locator("#bars bdi").first.inner_text() == NAMES[0]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("#film").is_visible() and page.locator("#local").is_visible()


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("served", [False, True], ids=("file", "server"))
def test_the_camera_is_judged_until_a_picture_is_taken(folder: Path, browser: "Browser", served: bool) -> None:
    running = browser.browser_type.launch(
        executable_path=CHROMIUM, args=[*FAKE_CAMERA, "--use-fake-ui-for-media-stream"]
    )
    with serving(folder) as address:
        page = running.new_page()
        faults: list[str] = []
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"{address}/index.html" if served else (folder / "index.html").as_uri())
        page.wait_for_selector("html[data-ready=all]", state="attached")
        page.locator("#film").focus()
        page.keyboard.press("Enter")
        said(page)
        assert page.locator("#video").is_visible() and page.locator("#pad").is_hidden()
        assert page.locator("#verdict").get_attribute("aria-live") == "off"
        page.get_by_role("button", name="Take picture").click()
        said(page)
        assert page.locator("#video").is_hidden() and page.locator("#picture").is_visible()
        assert page.locator("#film").inner_text() == "Camera"
        assert page.locator("#verdict").get_attribute("aria-live") == "polite"
        assert faults == []
    running.close()


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("Promise.reject(new DOMException('', 'NotAllowedError'))", "The browser did not allow the camera"),
        ("Promise.reject(new DOMException('', 'NotFoundError'))", "The browser found no camera"),
        ("Promise.reject(new Error('out of order'))", "The camera does not start (out of order)"),
        (None, "The browser gives the camera to pages of https"),
    ],
)
def test_a_camera_that_is_not_to_be_had_is_one_sentence(
    open_page: Open, folder: Path, answer: str | None, sentence: str
) -> None:
    page = open_page((folder / "index.html").as_uri())
    devices = f"{{ getUserMedia: () => {answer} }}" if answer else "undefined"
    page.evaluate(f"Object.defineProperty(navigator, 'mediaDevices', {{ value: {devices} }})")
    draw_seven(page)
    said(page)
    page.locator("#film").click()
    page.wait_for_selector("#trouble:not([hidden])")
    assert page.locator("#trouble").inner_text().startswith(sentence)
    assert page.locator("#verdict").inner_text() == "" and page.locator("#video").is_hidden()
    page.locator("#draw").click()
    draw_seven(page)
    assert said(page) == "7" and page.locator("#trouble").is_hidden()
