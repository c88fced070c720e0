"""Who may ask the server? Pages of other sites may not, and with a token only those who know it."""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE = "sadari-token"
OPEN = frozenset(("/healthz",))  # whoever watches over the server needs no token
HERE = frozenset(("localhost",))
PORTS = {"http": "80", "https": "443"}
ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<netloc>(\[[0-9A-Fa-f:.]+\]|[^][/:@?#\s]+)(:[0-9]{1,5})?)")


@dataclass(frozen=True)
class Access:
    """Who may ask. hosts: names of the server besides localhost and numeric addresses. token: "" where none is needed.

    A name that another site lets point here (DNS rebinding) is not among `hosts`; a numeric address cannot be one. A
    name with a port, "name:port", is that of a proxy whose pages come from that port.
    """

    hosts: frozenset[str] = frozenset()
    token: str = ""

    def refusal(self, headers: Mapping[str, str]) -> str:
        """Return why a request with these headers comes from a stranger; "" where it does not."""
        host = host_name(headers.get("host", ""))
        if not self._is_ours(host):
            return f"this server is not called '{host[:100]}'; start it with --allow-host {host[:100] or 'NAME'}"
        origin = headers.get("origin")
        if origin is None:
            return ""
        found = ORIGIN.fullmatch(origin)
        if found and self._has_page(found, headers.get("host", "")):
            return ""
        refused = f"pages of '{origin[:100]}' may not ask this server"
        if found and self._is_ours(host_name(found["netloc"])):
            return f"{refused}; where that is a proxy before it, start it with --allow-host {found['netloc'].lower()}"
        return f"{refused}; open the server's own page"

    def _has_page(self, origin: re.Match[str], host: str) -> bool:
        """Whether a page of `origin` is the server's own, which `host` names, or that of a proxy that names it so."""
        default = PORTS[origin["scheme"]]
        name, port = host_name(origin["netloc"]), _port(origin["netloc"]) or default
        if name == host_name(host) and port == (_port(host) or default):
            return True
        if f"{name}:{port}" in self.hosts:
            return True
        return name in self.hosts and name != host_name(host) and port == default

    def knows_token(self, headers: Mapping[str, str]) -> bool:
        """Whether the token comes with the request, as "Authorization: Bearer TOKEN" or in the page's cookie."""
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self.is_token(given.strip()):
            return True
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return morsel is not None and self.is_token(morsel.value)

    def is_token(self, given: str) -> bool:
        """Compare in a time that does not depend on where the two differ."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())

    def _is_ours(self, host: str) -> bool:
        if host in HERE or host in map(host_name, self.hosts):
            return True
        try:
            ip_address(host)
        except ValueError:
            return False
        return True


def host_name(netloc: str) -> str:
    """Return the name in "name:port" or "[address]:port", in lower case, without a dot at its end."""
    if netloc.startswith("["):
        return netloc[1:].partition("]")[0].lower()
    return netloc.partition(":")[0].lower().removesuffix(".")


def host_and_port(netloc: str) -> str:
    """Return "name:port" with the name as `host_name` gives it, or the name alone where no port is given."""
    name, port = host_name(netloc), _port(netloc)
    return f"{name}:{port}" if port else name


def _port(netloc: str) -> str:
    return netloc.rpartition("]")[2].partition(":")[2].lstrip("0")


class Guarded:
    """A middleware that lets requests of strangers not reach `app`."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._answer(scope) if scope["type"] == "http" else None
        await (answer or self._app)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        """Return the answer to a request that is refused, or that brings the token for the page; None for others."""
        access, headers = self._access, Headers(scope=scope)
        reason = access.refusal(headers)
        if reason:
            return JSONResponse({"detail": reason}, 403)
        if not access.token or scope["path"] in OPEN:
            return None
        (given, *_) = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])
        if scope["path"] == "/" and given and access.is_token(given):
            # Once in a cookie, the token stands neither in the address nor in what the page sends elsewhere.
            answer = Response(status_code=303, headers={"Location": "./", "Cache-Control": "no-store"})
            answer.set_cookie(COOKIE, access.token, httponly=True, samesite="lax")
            return answer
        if access.knows_token(headers):
            return None
        return JSONResponse(
            {"detail": "this server needs its token: Authorization: Bearer TOKEN, or for the page /?token=TOKEN"},
            401,
            {"WWW-Authenticate": "Bearer"},
        )
