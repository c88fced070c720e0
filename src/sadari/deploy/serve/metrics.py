"""How much does the server do, and how fast? Counters and histograms for Prometheus."""

from collections.abc import Callable
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
IMAGES = (1, 2, 4, 8, 16, 32, 64)
OTHER = "other"  # for unknown paths and methods: what clients invent must not become labels


class Metrics:
    """The metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "sadari_requests", "Requests answered.", ("path", "method", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "sadari_request_seconds", "From a request's head to its answer.", ("path",),
            buckets=SECONDS, registry=self._registry,
        )  # fmt: skip
        self._batches = Histogram(
            "sadari_batch_images", "Images that went through the network at once.",
            buckets=IMAGES, registry=self._registry,
        )  # fmt: skip

    def watch_queue(self, length: Callable[[], int]) -> None:
        """Report the value of `length()` as the number of images that wait for the network."""
        waiting = Gauge("sadari_queue_images", "Images accepted and not yet with the network.", registry=self._registry)
        waiting.set_function(length)

    def count_batch(self, images: int) -> None:
        """Count a pass of the network with so many images."""
        self._batches.observe(images)

    def count_request(self, path: str, method: str, status: int, seconds: float) -> None:
        """Count a request and the seconds that it took."""
        self._requests.labels(path, method, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format, whose media type is `MEDIA_TYPE`."""
        return generate_latest(self._registry)


MEDIA_TYPE = CONTENT_TYPE_LATEST
_METHODS = frozenset(("GET", "HEAD", "POST", "OPTIONS"))


class Measured:
    """A middleware that counts every request that `app` answers. paths: those that it serves."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: frozenset[str]) -> None:
        self._app, self._metrics, self._paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            path = scope["path"] if scope["path"] in self._paths else OTHER
            method = scope["method"] if scope["method"] in _METHODS else OTHER
            self._metrics.count_request(path, method, status, perf_counter() - started)
