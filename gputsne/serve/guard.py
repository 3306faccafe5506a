"""Guard: who may send a request, how often, and how large; and the headers of every answer."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request

from gputsne.base.errors import Refused
from gputsne.serve.quota import Buckets
from gputsne.serve.settings import Settings
from gputsne.serve.tokens import Caller, Tokens, token_of

__all__ = ["HEADERS", "Guard", "address_of", "drain", "read_body"]

IDLE: Final = 0.25  # seconds: a caller who announced a body and sends none is answered then

# A name or an address, and a port (RFC 9110, section 7.2).
HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:/?#@\s]*)(?::[0-9]{0,5})?")
MINUTE: Final = 60.0  # seconds
SAFE: Final = ("GET", "HEAD")
CHALLENGES: Final = 'Bearer realm="gputsne", Basic realm="gputsne", charset="UTF-8"'
# Of every answer, where it doesn't say otherwise: it is what it says it is, loads nothing, is
# framed by nobody, tells nobody where it was, and isn't kept.
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class Guard:
    """Lets requests in.

    Parameters
    ----------
    settings : Settings
        Rates, sizes, names.
    tokens : Tokens
        Who may send requests; none: everybody who reaches the address.
    """

    def __init__(self, settings: Settings, tokens: Tokens) -> None:
        self.settings, self.tokens = settings, tokens
        self._rate = Buckets(settings.burst, settings.rate)
        self._failures = Buckets(settings.failures, settings.failures / MINUTE)

    def check_host(self, headers: Headers) -> None:
        """Raise Refused for a request that was meant for a host of another name.

        A page elsewhere can let its own name lead to this machine, and a browser would then show it
        what only this machine may see.
        """
        names = self.settings.names
        given = headers.getlist("host")
        parts = HOST.fullmatch(given[0].lower() if given else "")
        if len(given) > 1 or parts is None or (names and parts[1] not in names):
            raise Refused(421, "this server has another name; name it by --allow-host")

    def caller(self, request: Request, role: str | None) -> Caller:
        """Return who sent a request that a route allows to a role.

        Parameters
        ----------
        request : Request
            The request.
        role : str or None
            "viewer", "editor"; None for everybody.

        Returns
        -------
        Caller

        Raises
        ------
        Refused
            401, 403, or 429 beyond the rate.
        """
        address = address_of(request)
        if role is None or not self.tokens:
            found = Caller("" if self.tokens else "editor", address)
        else:
            found = self._known(request, address)
            if not found.may(role):
                raise Refused(403, f"this needs a token of the role {role}")
        if wait := self._rate.take(found.key):
            told = f"{self.settings.rate:g} requests per second are allowed"
            raise Refused(429, told, retry_after=wait)
        return found

    def check_origin(self, request: Request, *, beacon: bool) -> None:
        """Raise Refused for what a page of another site makes a browser send.

        Parameters
        ----------
        request : Request
            The request.
        beacon : bool
            Whether it is one that pages of this server send by themselves.

        Raises
        ------
        Refused
            403.
        """
        if request.method in SAFE:
            return
        origin = request.headers.get("origin")
        if origin is not None and origin.rpartition("//")[2] != request.headers.get("host"):
            raise Refused(403, "pages of other sites may not send this")
        scheme, _ = token_of(request.headers.get("authorization", ""))
        if scheme == "basic" and not beacon:  # a browser adds it to whatever a page lets it send
            raise Refused(403, "send the token as Authorization: Bearer")

    def check_size(self, request: Request) -> None:
        """Raise Refused for a body that its own headers say is too large, or packed.

        Parameters
        ----------
        request : Request
            The request.

        Raises
        ------
        Refused
            400, 413 or 415.
        """
        most = self.settings.max_body
        length = request.headers.get("content-length")
        if length is not None and "transfer-encoding" in request.headers:
            # Two lengths: a proxy in front may go by the other one (RFC 9112, section 6.3).
            close = {"Connection": "close"}
            raise Refused(400, "send Content-Length or Transfer-Encoding, not both", headers=close)
        if length is not None:
            if not (length.isascii() and length.isdigit()) or len(length) > 18:
                raise Refused(400, "Content-Length is no number")
            if int(length) > most:
                raise Refused(413, f"a body may have {most:,} bytes")
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise Refused(415, "send the body as it is, without Content-Encoding")

    def _known(self, request: Request, address: str) -> Caller:
        """Return who has the token of a request; wrong ones are counted, by address.

        A right one is taken whatever others sent from there: many callers may share an address,
        and no number of guesses comes near 256 random bits.
        """
        given = request.headers.getlist("authorization")
        _, token = token_of(given[0]) if len(given) == 1 else ("", "")
        found = self.tokens.caller(token) if token else None
        if found is None:
            if given and (wait := self._failures.take(address)):
                raise Refused(429, "too many requests with a wrong token", retry_after=wait)
            said = "send a token: Authorization: Bearer TOKEN"
            raise Refused(401, said, headers={"WWW-Authenticate": CHALLENGES})
        return found


def address_of(request: Request) -> str:
    """Return where a request came from, for a quota: of IPv6 the network, which is one customer's.

    Parameters
    ----------
    request : Request
        The request.

    Returns
    -------
    str
    """
    host = request.client.host if request.client is not None else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 6:
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return host


async def read_body(request: Request, most: int, seconds: float) -> bytes:
    """Return a request's body, refused as soon as it is too large or too slow.

    Parameters
    ----------
    request : Request
        The request.
    most : int
        Bytes.
    seconds : float
        In which it must be there.

    Returns
    -------
    bytes

    Raises
    ------
    Refused
        413, 408; 400 where the caller has gone.
    """
    parts, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise Refused(413, f"a body may have {most:,} bytes")
                parts.append(part)
    except TimeoutError as error:
        raise Refused(408, f"the body did not arrive within {seconds:g} s") from error
    except ClientDisconnect as error:
        raise Refused(400, "the body broke off") from error
    return b"".join(parts)


async def drain(request: Request, most: int, seconds: float, idle: float = IDLE) -> bool:
    """Read what is left of a body and forget it; a caller who still sends would see no answer.

    Parameters
    ----------
    request : Request
        The request.
    most : int
        Bytes that are read.
    seconds : float
        For which they are waited for.
    idle : float
        Seconds without a byte after which the caller has stopped sending.

    Returns
    -------
    bool
        Whether that was all of it.
    """
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return True
    if "expect" in headers:  # the caller waits to be told whether to send it
        return False
    left = most
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while left > 0:
                async with asyncio.timeout(idle):
                    message = await request.receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return True
    return False
