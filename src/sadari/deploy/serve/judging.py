"""POST /predict: what is on these images?"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Annotated, Any, TypeVar

import numpy as np
from fastapi import APIRouter, Query, Request
from numpy.typing import NDArray

from sadari.deploy.serve.documents import Answer, Answers, ImagesAsText, Share
from sadari.deploy.serve.limits import Limits, Refused
from sadari.deploy.serve.predictor import Predictor, Upload
from sadari.deploy.serve.refusals import REFUSALS
from sadari.deploy.serve.uploads import FIELD, JSON, MULTIPART, read_uploads

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
