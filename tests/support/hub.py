"""A hub on 127.0.0.1 with one set, for the tests of `hf://`: it answers what huggingface_hub asks for."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

NAME, SHA = "somebody/pets", "0123456789abcdef0123456789abcdef01234567"


def _entry(path: str, content: bytes) -> dict[str, object]:
    return {"type": "file", "path": path, "size": len(content), "oid": sha1(content).hexdigest()}


def _tree(files: Mapping[str, bytes], folder: str, recursive: bool) -> list[dict[str, object]]:
    """List what is in a folder, as the hub does: files, and folders."""
    inside = {path: content for path, content in files.items() if path.startswith(folder)}
    found: dict[str, dict[str, object]] = {}
    for path, content in inside.items():
        rest = path.removeprefix(folder)
        parts = rest.split("/")
        for depth in range(1, len(parts)) if recursive else range(1, min(len(parts), 2)):
            name = folder + "/".join(parts[:depth])
            found[name] = {"type": "directory", "path": name, "size": 0, "oid": SHA}
        if recursive or len(parts) == 1:
            found[path] = _entry(path, content)
    return list(found.values())


class _Handler(BaseHTTPRequestHandler):
    files: Mapping[str, bytes]
    asked: list[str]

    def log_message(self, *_: object) -> None: ...

    def _send(self, content: bytes, kind: str = "application/json", status: int = 200, **headers: Any) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _json(self, document: object) -> None:
        self._send(json.dumps(document).encode())

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        self.asked.append(f"{self.command} {path}")
        api, resolve = f"/api/datasets/{NAME}", f"/datasets/{NAME}/resolve/"
        if path.startswith(f"{api}/tree/"):
            folder = path.removeprefix(f"{api}/tree/").partition("/")[2]
            self._json(_tree(self.files, f"{folder}/" if folder else "", "recursive=true" in parts.query.lower()))
        elif path == api or path.startswith(f"{api}/revision/"):
            siblings = [{"rfilename": name} for name in self.files]
            self._json({"id": NAME, "sha": SHA, "private": False, "tags": [], "downloads": 0, "siblings": siblings})
        elif path.startswith(resolve) and path.removeprefix(resolve).partition("/")[2] in self.files:
            self._file(self.files[path.removeprefix(resolve).partition("/")[2]])
        else:
            self._send(b'{"error": "Entry not found"}', status=404, X_Error_Code="EntryNotFound")

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append(f"POST {self.path}")
        if "/paths-info/" not in self.path:
            self._send(b'{"error": "Not found"}', status=404)
            return
        paths = json.loads(body)["paths"]
        folders = {name.rpartition("/")[0] for name in self.files}
        known = [_entry(path, self.files[path]) for path in paths if path in self.files]
        known += [
            {"type": "directory", "path": path, "size": 0, "oid": SHA} for path in paths if path in folders and path
        ]
        self._json(known)

    def _file(self, content: bytes) -> None:
        about = {"ETag": f'"{sha1(content).hexdigest()}"', "X_Repo_Commit": SHA, "Accept_Ranges": "bytes"}
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes="):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last or len(content) - 1), len(content) - 1)
            about["Content_Range"] = f"bytes {start}-{end}/{len(content)}"
            self._send(content[start : end + 1], "application/octet-stream", 206, **about)
        else:
            self._send(content, "application/octet-stream", 200, **about)


@contextmanager
def serving(files: Mapping[str, bytes]) -> Iterator[tuple[str, list[str]]]:
    """Serve `files` as the set NAME at the revision SHA; yield the address and the list of what is asked."""
    asked: list[str] = []
    handler = type("Handler", (_Handler,), {"files": files, "asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
