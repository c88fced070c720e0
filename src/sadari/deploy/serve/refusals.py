"""How do refusals reach whoever asked? Always as {"detail": one sentence}, with the status that says why."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from sadari.deploy.serve.documents import Problem
from sadari.deploy.serve.limits import Refused
from sadari.errors import SadariError

_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}
_REASONS = {
    400: "The body is not what its Content-Type says.",
    408: "The body did not come in time.",
    413: "Too many bytes, pixels or images.",
    415: "The Content-Type is neither multipart/form-data nor application/json.",
    422: "A parameter is wrong, or a file is no image.",
    503: "More to do than the server can, or the memory does not hold it.",
    504: "The answer was not there in time.",
}

# What a path that takes images may answer besides 200, for OpenAPI.
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": reason} | ({"headers": _RETRY_AFTER} if status == 503 else {})
    for status, reason in _REASONS.items()
}


def answer_refusals(app: FastAPI) -> None:
    """Make `app` turn what is raised into such documents."""

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> JSONResponse:  # noqa: ARG001 - Starlette's signature
        return JSONResponse({"detail": error.sentence}, error.status, error.headers)

    @app.exception_handler(SadariError)
    async def failed(request: Request, error: SadariError) -> JSONResponse:  # noqa: ARG001
        return JSONResponse({"detail": str(error)}, 503, {"Retry-After": "60"})

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:  # noqa: ARG001
        first = error.errors()[0]
        return JSONResponse({"detail": f"the parameter '{first['loc'][-1]}' is wrong: {first['msg']}"}, 422)
