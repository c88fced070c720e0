"""A web server on 127.0.0.1 that hangs up and refuses as a test sets it."""

import hashlib
import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sadari.data.sources.download import Remote

CONTENT = bytes(range(256)) * 9000
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Replies with `server.files` by name, else `server.content`; with Range and without, and cut short, as set."""

    server: "Server"

    def do_GET(self) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        self.server.asked.append(int(asked[1]) if asked else None)
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        content, start = self.server.files.get(self.path.lstrip("/"), self.server.content), 0
        if asked and self.server.knows_range:
            start = int(asked[1])
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : self.server.hang_up_at])

    def log_message(self, format: str, *args: object) -> None: ...


class Server(http.server.ThreadingHTTPServer):
    """The server, with what it sends and how; `asked` has the first byte of each Range request, or None."""

    content = CONTENT
    knows_range = True
    hang_up_at: int | None = None
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[int | None] = []
        self.files: dict[str, bytes] = {}

    def remote(self, name: str = "images.gz", md5: str = MD5) -> Remote:
        """Return the file `name` of this server as something to download."""
        return Remote((f"http://127.0.0.1:{self.server_port}/{name}",), md5)


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server until the end of the block."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
