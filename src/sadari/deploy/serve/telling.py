"""GET /model, /samples, /healthz and /metrics: what runs here, and how is it doing?"""

from collections.abc import Callable
from functools import cache
from threading import Lock

from fastapi import APIRouter, Response

from sadari.deploy.serve.documents import Health, Model, Sample, Samples
from sadari.deploy.serve.metrics import MEDIA_TYPE, Metrics


def tell_routes(model: Model, draw: Callable[[], list[Sample]], metrics: Metrics) -> APIRouter:
    """The paths that take no image. draw: makes the samples; called once, when somebody first asks."""
    router, lock = APIRouter(), Lock()

    @cache
    def drawn() -> Samples:
        return Samples(samples=draw())

    @router.get("/model")
    async def tell_model() -> Model:
        """Tell which model answers here: its classes, input, layers and scores, and what a request may bring."""
        return model

    @router.get("/samples")
    def samples() -> Samples:  # in a thread: loading a set may take a while
        """Give a few images that judged the run; none where its data are not on this machine."""
        with lock:
            return drawn()

    @router.get("/healthz")
    async def healthz() -> Health:
        """Say that the server answers."""
        return Health(status="ok")

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    def tell_metrics() -> Response:
        """Tell counts and times in Prometheus's text format."""
        return Response(metrics.text(), media_type=MEDIA_TYPE)

    return router
