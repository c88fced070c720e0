"""POST /feature-maps and POST /grad-cam: what does the model see in an image, and why does it say a class?"""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request

from sadari.deploy.serve.batching import Images
from sadari.deploy.serve.documents import FeatureMaps, Heat
from sadari.deploy.serve.inside import Inside
from sadari.deploy.serve.judging import images_body, in_time
from sadari.deploy.serve.predictor import Predictor
from sadari.deploy.serve.refusals import REFUSALS
from sadari.deploy.serve.uploads import read_uploads


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
