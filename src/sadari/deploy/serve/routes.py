"""Which paths does the server have, and what stands before them? The application, without the network it listens on.

Top-down: the application, then its routes in groups (predictions, looks inside, about the model, status, the page).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from functools import cache, lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, TypeVar

import numpy as np
from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from sadari.deploy.serve.about import describe_model, draw_samples
from sadari.deploy.serve.access import Access, Guarded
from sadari.deploy.serve.batching import Images
from sadari.deploy.serve.inside import Inside
from sadari.deploy.serve.limits import REFUSALS, Limits, Refused, Room, answer_refusals
from sadari.deploy.serve.metrics import MEDIA_TYPE, Measured, Metrics
from sadari.deploy.serve.predictor import Predictor
from sadari.deploy.serve.schemas import (
    Answer,
    Answers,
    ClassProbability,
    FeatureMaps,
    Health,
    Heatmap,
    ImagesAsText,
    Model,
    Samples,
)
from sadari.deploy.serve.uploads import FIELD, JSON, MULTIPART, reading_uploads
from sadari.errors import SadariError
from sadari.evaluation.probabilities.conformal import Coverage
from sadari.inference.classifier import Classifier
from sadari.values import Judged

WEB = Path(__file__).parent.parent / "web"
POLICY = "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PATHS = frozenset(("/", "/predict", "/feature-maps", "/grad-cam", "/model", "/samples", "/healthz", "/metrics"))
SETS = 32  # different coverages that are remembered (assumed)
MOST_INLINE = 500  # classes of all answers that are written by the event loop itself: 1 ms (assumed)

T = TypeVar("T")


def make_app(classifier: Classifier, limits: Limits | None = None, access: Access | None = None) -> FastAPI:
    """Return the application that answers with `classifier`; it works from its start to its shutdown.

    access: who may ask; None where something before the application sees to that.
    docs/serving.md lists its paths and status codes; /openapi.json does so for programs.
    """
    limits, metrics = limits or Limits(), Metrics()
    room = Room(limits)
    predictor = Predictor(classifier, limits, metrics.count_batch)
    inside = Inside(classifier.model)
    metrics.watch_queue(lambda: predictor.waiting)

    @asynccontextmanager
    async def closing(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001 - FastAPI's signature
        yield
        predictor.close()
        inside.close()

    # FastAPI's own pages of documentation are off: they load scripts from other servers. A path with a slash too many
    # is unknown: behind a proxy with a path of its own, a redirect would lead elsewhere.
    app = FastAPI(
        title="Sadari", version=version("sadari"), docs_url=None, redoc_url=None, lifespan=closing,
        redirect_slashes=False,
    )  # fmt: skip
    answer_refusals(app)
    model = describe_model(classifier, inside.layers, not inside.lacks_grad_cam, limits)
    app.include_router(_predict_routes(predictor, room))
    app.include_router(_inside_routes(predictor, inside, room))
    one_form = len(classifier.form.each) == 1  # else no file holds what all members read
    app.include_router(_about_routes(model, classifier.path if one_form else None))
    app.include_router(_status_routes(metrics))
    _add_page(app)
    if access is not None:
        app.add_middleware(Guarded, access=access)
    app.add_middleware(Measured, metrics=metrics, paths=PATHS)
    return app


def _predict_routes(predictor: Predictor, room: Room) -> APIRouter:
    """Return the path that takes images and answers with classes."""
    router, limits = APIRouter(), predictor.limits
    classes = predictor.classifier.classes
    sets_of = lru_cache(SETS)(partial(_sets, predictor.classifier))  # each reads a file

    @router.post("/predict", response_model=Answers, responses=REFUSALS, openapi_extra=_images_body(limits.images))
    async def predict(
        request: Request,
        top: Annotated[int, Query(ge=1, description="How many classes to return for each image.")] = 3,
        coverage: Annotated[
            float | None,
            Query(gt=0, lt=1, description="Also a set of classes, which holds the true one for this share of images."),
        ] = None,
        classwise: Annotated[bool, Query(description="With `coverage`: that share of each class.")] = False,
    ) -> Response:
        """Return the most probable classes of each image, and on request those that it leaves open."""
        sets = sets_of(coverage, classwise)
        async with reading_uploads(request, limits, room, limits.images) as uploads:
            names = [upload.name for upload in uploads]
            answer = predictor.predict(uploads)
            uploads.clear()  # so that the bytes are let go with the answer
            judged: Judged = await _in_time(answer, limits)
        if len(names) * min(top, len(classes)) <= MOST_INLINE:
            document = _answers(names, judged, classes, top, sets)
        else:
            document = await asyncio.to_thread(_answers, names, judged, classes, top, sets)
        return Response(document, media_type=JSON)

    return router


def _inside_routes(predictor: Predictor, inside: Inside, room: Room) -> APIRouter:
    """Return the paths that look into the model; each takes one image."""
    router, limits, body = APIRouter(), predictor.limits, _images_body(1)

    async def looking(request: Request, look: Callable[[Callable[[], Images]], Future[T]]) -> T:
        async with reading_uploads(request, limits, room, 1) as uploads:
            (upload,) = uploads
            return await _in_time(look(lambda: predictor.classifier.pixels_of_model(predictor.pixels(upload))), limits)

    @router.post("/feature-maps", response_model=FeatureMaps, responses=REFUSALS, openapi_extra=body)
    async def feature_maps(
        request: Request,
        layer: Annotated[str, Query(description="The layer's name; GET /model lists the layers.")],
    ) -> FeatureMaps:
        """Return the feature maps of one layer for one image."""
        return await looking(request, lambda decode: inside.maps(decode, layer))

    @router.post("/grad-cam", response_model=Heatmap, responses=REFUSALS, openapi_extra=body)
    async def grad_cam(
        request: Request,
        label: Annotated[str, Query(description="The class; GET /model lists the classes.")],
    ) -> Heatmap:
        """Return where in one image the model finds a class."""
        return await looking(request, lambda decode: inside.grad_cam(decode, label))

    return router


def _about_routes(model: Model, folder: Path | None) -> APIRouter:
    """Return the paths that describe the model.

    folder: where the samples are drawn from, at the first request; None: there are none.
    """
    router, lock = APIRouter(), Lock()

    @cache
    def drawn() -> Samples:
        return Samples(samples=draw_samples(folder) if folder else [])

    @router.head("/model", include_in_schema=False)
    @router.get("/model")
    async def describe() -> Model:
        """Return which model answers here: its classes, input, layers and scores, and what a request may contain."""
        return model

    @router.head("/samples", include_in_schema=False)
    @router.get("/samples")
    def samples() -> Samples:  # in a thread: loading a set may take a while
        """Return a few images that the run was judged on; none where its data are not on this machine."""
        with lock:
            return drawn()

    return router


def _status_routes(metrics: Metrics) -> APIRouter:
    """Return the paths for those who operate the server."""
    router = APIRouter()

    @router.head("/healthz", include_in_schema=False)
    @router.get("/healthz")
    async def healthz() -> Health:
        """Report that the server answers."""
        return Health(status="ok")

    @router.head("/metrics", include_in_schema=False)
    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    def figures() -> Response:
        """Return counts and times in Prometheus's text format."""
        return Response(metrics.text(), media_type=MEDIA_TYPE)

    return router


def _add_page(app: FastAPI) -> None:
    """Add the page at / and its files; the page may load nothing from any other server."""
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}

    @app.head("/", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(WEB / "index.html", headers=headers)

    app.mount("/web", _Fresh(directory=WEB), name="web")


class _Fresh(StaticFiles):
    """The files of the page, which the browser asks for again, so that they are those of this version."""

    def file_response(self, *arguments: Any, **named: Any) -> Response:
        response = super().file_response(*arguments, **named)
        response.headers.update({"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"})
        return response


def _images_body(most: int) -> dict[str, Any]:
    """Return OpenAPI's description of a request body with one to `most` images, as files or as text."""
    files = {"type": "array", "minItems": 1, "maxItems": most, "items": {"type": "string", "format": "binary"}}
    text = ImagesAsText.model_json_schema()
    text["properties"]["images"]["maxItems"] = most
    form = {"type": "object", "required": [FIELD], "additionalProperties": False, "properties": {FIELD: files}}
    return {
        "requestBody": {"required": True, "content": {MULTIPART: {"schema": form}, JSON: {"schema": text}}},
    }


async def _in_time(future: Future[T], limits: Limits) -> T:
    """Return the result of `future`; raise Refused (504), and cancel it, where it takes too long."""
    try:
        async with asyncio.timeout(limits.seconds):
            return await asyncio.wrap_future(future)
    except TimeoutError:
        raise Refused(504, f"there was no answer within {limits.seconds:g} seconds; send fewer images") from None


def _sets(classifier: Classifier, wanted: float | None, classwise: bool) -> Coverage | None:
    """Return the sets that are asked for; raise Refused where the model has none."""
    try:
        return classifier.coverage(wanted, classwise)
    except SadariError as error:
        raise Refused(422, str(error).replace(str(classifier.path), "this model")) from None


def _answers(
    names: Sequence[str], judged: Judged, classes: tuple[str, ...], top: int, sets: Coverage | None = None
) -> str:
    """Return the document of POST /predict, `Answers` as JSON, written image by image."""
    probabilities, scores = judged.probabilities, judged.scores
    order = np.argsort(-probabilities, axis=1, kind="stable")
    inside = None if sets is None else sets.sets(probabilities)
    answers = []
    for at, (name, ranked, row) in enumerate(zip(names, order, probabilities, strict=True)):
        found = [ClassProbability(label=classes[index], probability=float(row[index])) for index in ranked[:top]]
        open_ = None if inside is None else [classes[index] for index in ranked if inside[at, index]]
        score = None if scores is None else float(scores[at])
        answer = Answer(
            file=name,
            label=found[0].label,
            probability=found[0].probability,
            known=None if score is None else score >= judged.threshold,
            score=score,
            top=found,
            set=open_,
        )
        without = {name for name, value in (("set", open_), ("known", score), ("score", score)) if value is None}
        answers.append(answer.model_dump_json(exclude=without))
    return f'{{"answers":[{",".join(answers)}]}}'
