"""Which paths are there, and what stands before them? The web application, without the network it listens on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from sadari.deploy.classifier import Classifier
from sadari.deploy.serve.about import describe_model
from sadari.deploy.serve.gate import Gate
from sadari.deploy.serve.inside import Inside
from sadari.deploy.serve.judging import predict_route
from sadari.deploy.serve.limits import Limits
from sadari.deploy.serve.looking import look_routes
from sadari.deploy.serve.metrics import Measured, Metrics
from sadari.deploy.serve.predictor import Predictor
from sadari.deploy.serve.refusals import answer_refusals
from sadari.deploy.serve.samples import draw_samples
from sadari.deploy.serve.telling import tell_routes

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
