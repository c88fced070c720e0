"""Which paths are there, and what stands before them? The web application, without the network it listens on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from numpy.typing import NDArray

from sadari.deploy.serve.batching import Images
from sadari.deploy.serve.inside import Inside
from sadari.deploy.serve.limits import REFUSALS, Gate, Limits, Refused, answer_refusals
from sadari.deploy.serve.metrics import Measured, Metrics
from sadari.deploy.serve.predictor import Predictor, Upload
from sadari.deploy.serve.schemas import Answer, Answers, FeatureMaps, Heat, ImagesAsText, Share
from sadari.deploy.serve.telling import describe_model, draw_samples, tell_routes
from sadari.deploy.serve.uploads import FIELD, JSON, MULTIPART, read_uploads
from sadari.inference.classifier import Classifier

WEB = Path(__file__).parent.parent / "web"
POLICY = "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PATHS = frozenset(("/", "/predict", "/feature-maps", "/grad-cam", "/model", "/samples", "/healthz", "/metrics"))


def make_app(classifier: Classifier, limits: Limits | None = None) -> FastAPI:
    """The application that answers with `classifier`; it works from its start to its shutdown.

    docs/serving.md tells its paths and status codes, /openapi.json the same to programs.
    """
    limits, metrics = limits or Limits(), Metrics()
    predictor = Predictor(classifier, limits, metrics.count_batch)
    inside = Inside(classifier.model)
    metrics.watch_queue(lambda: predictor.waiting)

    @asynccontextmanager
    async def closing(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001 - FastAPI's signature
        yield
        predictor.close()
        inside.close()

    # The usual pages of documentation load scripts from elsewhere: nothing here does.
    app = FastAPI(title="Sadari", version=version("sadari"), docs_url=None, redoc_url=None, lifespan=closing)
    answer_refusals(app)
    model = describe_model(classifier, inside.layers, not inside.lacks_grad_cam, limits)
    app.include_router(predict_route(predictor))
    app.include_router(look_routes(predictor, inside))
    app.include_router(tell_routes(model, lambda: draw_samples(classifier.path), metrics))
    _add_page(app)
    app.add_middleware(Gate, most=limits.requests)
    app.add_middleware(Measured, metrics=metrics, paths=PATHS)
    return app


def _add_page(app: FastAPI) -> None:
    """The page at / and its files, which may load nothing from anywhere else."""
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(WEB / "index.html", headers=headers)

    app.mount("/web", StaticFiles(directory=WEB), name="web")


T = TypeVar("T")


def images_body(most: int) -> dict[str, Any]:
    """The request's body for OpenAPI: one to `most` images, as files or as text."""
    files = {"type": "array", "minItems": 1, "maxItems": most, "items": {"type": "string", "format": "binary"}}
    text = ImagesAsText.model_json_schema()
    text["properties"]["images"]["maxItems"] = most
    form = {"type": "object", "required": [FIELD], "additionalProperties": False, "properties": {FIELD: files}}
    return {
        "requestBody": {"required": True, "content": {MULTIPART: {"schema": form}, JSON: {"schema": text}}},
    }


def predict_route(predictor: Predictor) -> APIRouter:
    """The path that judges images."""
    router, limits = APIRouter(), predictor.limits
    classes = predictor.classifier.classes

    @router.post("/predict", response_model=Answers, responses=REFUSALS, openapi_extra=images_body(limits.images))
    async def predict(
        request: Request,
        top: Annotated[int, Query(ge=1, description="How many classes are told of each image.")] = 3,
    ) -> Answers:
        """Say what is on images: the most probable classes of each."""
        uploads = await read_uploads(request, limits, limits.images)
        return _answers(uploads, await in_time(predictor.predict(uploads), limits), classes, top)

    return router


async def in_time(future: Future[T], limits: Limits) -> T:
    """The result of `future`; raises Refused (504) where it takes too long, and then nobody works on it any more."""
    try:
        async with asyncio.timeout(limits.seconds):
            return await asyncio.wrap_future(future)
    except TimeoutError:
        raise Refused(504, f"there was no answer within {limits.seconds:g} seconds; send fewer images") from None


def _answers(
    uploads: Sequence[Upload], probabilities: NDArray[np.float32], classes: tuple[str, ...], top: int
) -> Answers:
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    answers = []
    for upload, best, row in zip(uploads, order, probabilities, strict=True):
        shares = [Share(label=classes[place], probability=float(row[place])) for place in best]
        answers.append(Answer(file=upload.name, label=shares[0].label, probability=shares[0].probability, top=shares))
    return Answers(answers=answers)


def look_routes(predictor: Predictor, inside: Inside) -> APIRouter:
    """The paths that look into the model; each takes one image."""
    router, limits, body = APIRouter(), predictor.limits, images_body(1)

    async def decoding(request: Request) -> Callable[[], Images]:
        (upload,) = await read_uploads(request, limits, 1)
        return lambda: predictor.pixels(upload)

    @router.post("/feature-maps", response_model=FeatureMaps, responses=REFUSALS, openapi_extra=body)
    async def feature_maps(
        request: Request,
        layer: Annotated[str, Query(description="Its name; GET /model lists the layers.")],
    ) -> FeatureMaps:
        """Tell what a layer makes of one image."""
        return await in_time(inside.maps(await decoding(request), layer), limits)

    @router.post("/grad-cam", response_model=Heat, responses=REFUSALS, openapi_extra=body)
    async def grad_cam(
        request: Request,
        label: Annotated[str, Query(description="The class; GET /model lists the classes.")],
    ) -> Heat:
        """Tell where in one image the model finds a class."""
        return await in_time(inside.grad_cam(await decoding(request), label), limits)

    return router
