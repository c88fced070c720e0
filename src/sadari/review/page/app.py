"""Which paths does the page of a review have? The page, pictures on demand, and decisions that are written at once."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from PIL import Image
from pydantic import BaseModel, ValidationError

from sadari.data.decisions.file import Decision
from sadari.data.image_file import MAX_PIXELS, open_image
from sadari.data.sources.base import FileContent
from sadari.errors import SadariError, UsageError
from sadari.review.desk import Desk
from sadari.review.page.items import document, items_of
from sadari.review.suspects import Review

WEB = Path(__file__).parent / "web"
POLICY = "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
FILES = ("page.css", "main.js", "state.js", "view.js")
SMALL, LARGE = 160, 720  # pixels of the longer side of a thumbnail, and of the picture that is decided about
STORED = 4_000  # pictures that are held, some 40 MB of thumbnails
MOST_BODY = 64 * 2**10  # bytes of a decision


class Wanted(BaseModel):
    """A decision that the page sends. file: the id of an image; label: the class for "relabel"."""

    file: str
    decision: str
    label: str = ""


def make_app(review: Review) -> FastAPI:
    """Return the application that shows `review` and writes decisions about it.

    Who may ask is for the caller to see to. Raises UsageError where the decisions have no place.
    """
    desk, pictures = review.desk(), Pictures(review)
    shown = document(review, items_of(review))
    undone: list[tuple[str, Decision | None]] = []
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)

    @app.get("/")
    async def page() -> FileResponse:
        return FileResponse(WEB / "index.html", headers=HEADERS)

    @app.get("/web/{name}")
    async def file(name: str) -> Response:
        if name not in FILES:
            return JSONResponse({"detail": f"there is no file '{name[:100]}'"}, 404)
        return FileResponse(WEB / name, headers=HEADERS)

    @app.get("/review")
    def what() -> Response:
        """Return what is to be decided, and what was decided up to now."""
        decided = {each.file: {"decision": each.decision, "label": each.label} for each in desk.now().values()}
        return JSONResponse({**shown, "decided": decided}, headers={"Cache-Control": "no-store"})

    @app.get("/picture/{position}")
    def picture(position: int, large: bool = False) -> Response:
        if not 0 <= position < len(review.images):
            return JSONResponse({"detail": "there is no such picture"}, 404)
        headers = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
        return Response(pictures.webp(position, LARGE if large else SMALL), media_type="image/webp", headers=headers)

    @app.post("/decide")
    async def decide(request: Request) -> Response:
        """Write one decision, or take one back: "undo" undoes that of the file which was decided about last."""
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return JSONResponse({"detail": "send a decision as application/json"}, 415)
        body = await _body(request)
        try:
            wanted = Wanted.model_validate_json(body)
        except ValidationError:
            return JSONResponse({"detail": "a decision is a JSON object with file, decision and label"}, 422)
        return await asyncio.to_thread(_answer, lambda: _decide(desk, wanted, undone))

    return app


async def _body(request: Request) -> bytes:
    """Return the body of a request, at most MOST_BODY bytes of it."""
    body = b""
    async for block in request.stream():
        body += block
        if len(body) > MOST_BODY:
            break
    return body[:MOST_BODY]


def _decide(desk: Desk, wanted: Wanted, undone: list[tuple[str, Decision | None]]) -> dict[str, str]:
    if wanted.decision == "undo":
        if not undone:
            raise UsageError("there is nothing to undo")
        file, before = undone.pop()
        desk.put(file, before)
        return {"file": file, "decision": before.decision if before else "", "label": before.label if before else ""}
    before = desk.now().get(wanted.file)
    made = desk.decide(wanted.file, wanted.decision, wanted.label)
    undone.append((made.file, before))
    return {"file": made.file, "decision": made.decision, "label": made.label}


def _answer(act: Callable[[], dict[str, str]]) -> Response:
    """Return what `act` returns as JSON, or its error as one sentence."""
    try:
        return JSONResponse(act())
    except UsageError as error:
        return JSONResponse({"detail": str(error)}, 422)
    except SadariError as error:
        return JSONResponse({"detail": f"{error}; nothing was decided"}, 500)


class Pictures:
    """The pictures of a set, made small when they are asked for; large ones from their files, uncut."""

    def __init__(self, review: Review) -> None:
        self._images = review.images
        content = review.source.content()
        self._fetch = content.fetch if isinstance(content, FileContent) else None
        self.webp = lru_cache(STORED)(self._webp)

    def _webp(self, position: int, side: int) -> bytes:
        picture = self._whole(position) if side > SMALL else None
        picture = picture or self._decoded(position)
        picture.thumbnail((side, side))
        held = BytesIO()
        picture.save(held, "WEBP", quality=82)
        return held.getvalue()

    def _decoded(self, position: int) -> Image.Image:
        pixels = np.asarray(self._images.images[position])
        return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)

    def _whole(self, position: int) -> Image.Image | None:
        """Return the picture as its file has it, upright; None where it cannot be had."""
        from PIL import ImageOps

        if self._fetch is None:
            return None
        with suppress(Exception):  # Pillow raises many kinds; the decoded picture is shown then
            image = open_image(self._fetch(str(self._images.ids[position])), MAX_PIXELS)
            image.draft("RGB", (LARGE, LARGE))
            return ImageOps.exif_transpose(image).convert("RGB")
        return None
