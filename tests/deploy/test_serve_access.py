"""Who may ask the server: no page of another site, and with a token only those who know it."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from sadari.deploy.origin import data_name
from sadari.deploy.serve.about import describe_model
from sadari.deploy.serve.access import Access, host_and_port, host_name
from sadari.deploy.serve.limits import Limits
from sadari.deploy.serve.routes import make_app
from sadari.inference.classifier import Classifier
from support.server import as_files, noise

TOKEN = "0123456789abcdef"


@pytest.fixture
def guarded(classifier: Classifier) -> Iterator[TestClient]:
    with TestClient(
        make_app(classifier, None, Access(frozenset({"pics.example", "proxy.example:8443"}))), "http://localhost:8000"
    ) as client:
        yield client


@pytest.fixture
def locked(classifier: Classifier) -> Iterator[TestClient]:
    app = make_app(classifier, None, Access(token=TOKEN))
    with TestClient(app, "http://127.0.0.1:8000", follow_redirects=False) as client:
        yield client


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("localhost:8000", 200), ("LOCALHOST.:8000", 200), ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200), ("192.168.0.7", 200), ("pics.example:443", 200),
        ("evil.example", 403), ("evil.example:8000", 403), ("127.0.0.1.evil.example", 403), ("", 403),
        ("localhost.evil.example", 403), ("127.0.0.1@evil.example", 403), ("proxy.example", 200),
    ],
)  # fmt: skip
def test_other_names_are_refused(guarded: TestClient, host: str, status: int) -> None:
    for path in ("/", "/model", "/samples", "/web/main.js", "/healthz"):
        assert guarded.get(path, headers={"Host": host}).status_code == status
    assert guarded.post("/predict", headers={"Host": host}, files=as_files(noise(1))).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:8000", 200), ("https://pics.example", 200),
        ("http://LOCALHOST:8000", 200), ("https://pics.example:443", 200), ("https://proxy.example:8443", 200),
        ("http://evil.example", 403), ("null", 403), ("http://127.0.0.1:8000", 403), ("", 403),
        ("http://localhost:9999", 403), ("http://localhost", 403), ("https://localhost", 403),
        ("//localhost:8000", 403), ("localhost:8000", 403), ("ftp://localhost:8000", 403),
        ("null//localhost:8000", 403),
        ("http://localhost:8000/", 403), ("http://a@localhost:8000", 403), ("http://localhost:8000.evil.example", 403),
        ("https://pics.example:9999", 403), ("https://proxy.example", 403), ("https://proxy.example:9999", 403),
    ],
)  # fmt: skip
def test_pages_of_other_sites_are_refused(guarded: TestClient, origin: str, status: int) -> None:
    answer = guarded.post("/predict", headers={"Origin": origin}, files=as_files(noise(1)))
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["detail"].startswith(f"pages of '{origin}' may not ask this server; ")


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("pics.example", "https://pics.example", 200), ("pics.example:443", "https://pics.example", 200),
        ("[::1]:8000", "http://[::1]:8000", 200), ("[::1]:8000", "http://[::1]:9999", 403),
        ("127.0.0.1", "http://127.0.0.1", 200), ("127.0.0.1:80", "http://127.0.0.1", 200),
        ("127.0.0.1:8000", "//127.0.0.1", 403), ("127.0.0.1:8000", "http://127.0.0.1:9999", 403),
        ("pics.example:8000", "http://pics.example", 403), ("proxy.example", "https://proxy.example:8443", 200),
    ],
)  # fmt: skip
def test_a_page_comes_from_the_port_that_it_asks(guarded: TestClient, host: str, origin: str, status: int) -> None:
    headers = {"Host": host, "Origin": origin}
    assert guarded.post("/predict", headers=headers, files=as_files(noise(1))).status_code == status


def test_the_refusal_says_what_to_do(guarded: TestClient) -> None:
    answer = guarded.get("/model", headers={"Host": "gpu-box:8000"})
    assert answer.json() == {"detail": "this server is not called 'gpu-box'; start it with --allow-host gpu-box"}
    for origin, advice in (
        ("http://evil.example", "open the server's own page"),
        ("https://pics.example:8443", "where that is a proxy before it, start it with --allow-host pics.example:8443"),
    ):
        answer = guarded.get("/model", headers={"Origin": origin})
        assert answer.json() == {"detail": f"pages of '{origin}' may not ask this server; {advice}"}


def test_names_with_ports() -> None:
    given = ("A.b.:8443", "a.B", "[::1]:80", "[::1]", "a:")
    assert [host_and_port(each) for each in given] == ["a.b:8443", "a.b", "::1:80", "::1", "a"]


def test_with_a_token_nothing_is_answered_without_it(locked: TestClient) -> None:
    assert locked.get("/healthz").status_code == 200
    for path in ("/", "/model", "/samples", "/metrics", "/openapi.json", "/web/main.js", f"/model?token={TOKEN}"):
        answer = locked.get(path)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "Authorization: Bearer TOKEN" in answer.json()["detail"]
    for given in ("Bearer wrong", f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN}x", "Bearer ä"):
        assert locked.get("/model", headers=[(b"Authorization", given.encode("latin-1"))]).status_code == 401
    assert locked.get("/?token=wrong").status_code == 401


def test_the_token_opens_the_server(locked: TestClient) -> None:
    answer = locked.post("/predict", headers={"Authorization": f"bearer {TOKEN}"}, files=as_files(noise(1)))
    assert answer.status_code == 200


def test_the_page_takes_the_token_from_its_address_once(locked: TestClient) -> None:
    answer = locked.get(f"/?token={TOKEN}")
    assert (answer.status_code, answer.headers["Location"]) == (303, "./")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    for path in ("/", "/model", "/web/main.js"):
        assert locked.get(path).status_code == 200  # the client keeps the cookie
    locked.cookies.clear()
    assert locked.get("/", headers={"Cookie": "a=b; sadari-token=wrong"}).status_code == 401
    assert locked.get("/", headers={"Cookie": "\x7f;;=,"}).status_code == 401


def test_names_of_hosts() -> None:
    found = {each: host_name(each) for each in ("A.b:1", "[::1]:80", "[::1", "x.", "")}
    assert found == {"A.b:1": "a.b", "[::1]:80": "::1", "[::1": "::1", "x.": "x", "": ""}


def test_no_path_of_this_machine_is_told(classifier: Classifier) -> None:
    for data, told in (("/home/kim/secret/cats", "cats"), ("~/cats", "cats"), ("C:\\data\\cats.zip", "cats.zip"),
                       ("digits", "digits"), ("shapes:size=32", "shapes:size=32")):  # fmt: skip
        assert data_name(data) == told
    text = describe_model(classifier, (), True, Limits()).model_dump_json()
    assert str(classifier.path) not in text
