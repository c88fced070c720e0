"""Who may come in? Work beyond what is under way already is turned away before its body is read."""

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sadari.deploy.serve.limits import overloaded


class Gate:
    """Lets `most` requests that bring images into `app` at once; the others get 503. Questions always pass."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app, self._most = app, most
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        if self._inside >= self._most:
            refused = overloaded(1)
            await JSONResponse({"detail": refused.sentence}, refused.status, refused.headers)(scope, receive, send)
            return
        self._inside += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside -= 1
