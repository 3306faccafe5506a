"""fetch: what an address of http answers, within a time and a size, whoever answers there."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

__all__ = ["Answer", "fetch", "split_user", "without_secrets"]

MOST: Final = 64 << 20  # bytes: a Pushgateway with some 100,000 series answers 20 MB
PART: Final = 1 << 16  # bytes read at once


class Answer(NamedTuple):
    """What an address answered.

    Attributes
    ----------
    text : str
        Its body; bytes that are no UTF-8 are replaced.
    kind : str
        Its Content-Type, "" where it names none.
    """

    text: str
    kind: str


def fetch(url: str, seconds: float, headers: Mapping[str, str] | None = None) -> Answer:
    """Return what an address answers.

    Parameters
    ----------
    url : str
        Of http or https; a user and password in it are sent as such.
    seconds : float
        How long the whole may take, between two parts of it too.
    headers : mapping of str to str or None
        Of the request.

    Returns
    -------
    Answer

    Raises
    ------
    ValueError
        The address is none of http or https.
    OSError
        Nobody answers, in time or as a server does; it answers with an error; it is too much.
    """
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Redirects(HTTPRedirectHandler):
        """Follows redirects, and tells who asks to nobody but the address that was given."""

        def redirect_request(self, req: Any, *told: Any) -> Any:
            new = super().redirect_request(req, *told)
            if new is not None and _origin(new.full_url) != _origin(req.full_url):
                new.remove_header("Authorization")
            return new

    url, who = split_user(url)
    held = dict(headers or {})
    if who is not None:
        held.setdefault("Authorization", f"Basic {b64encode(':'.join(who).encode()).decode()}")
    until = time.monotonic() + seconds
    found = bytearray()
    try:
        with build_opener(Redirects).open(Request(url, headers=held), timeout=seconds) as answer:
            while part := answer.read1(PART):
                found += part
                if time.monotonic() > until:
                    raise TimeoutError(f"its answer takes longer than {seconds:g} s")
                if len(found) > MOST:
                    raise OSError(f"its answer has more than {MOST >> 20} MB")
            kind = str(answer.headers.get("Content-Type") or "")
    except HTTPError as error:
        error.close()
        raise
    except HTTPException as error:  # not an OSError, though a socket brought it
        raise ConnectionError(f"what answers is no web server ({type(error).__name__})") from error
    return Answer(found.decode("utf-8", "replace"), kind)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def split_user(url: str) -> tuple[str, tuple[str, str] | None]:
    """Return an address without the user and password in it, and these.

    Parameters
    ----------
    url : str
        Of http or https.

    Returns
    -------
    tuple of str and (str, str) or None
        urllib would look for a host of that name, so they are sent in a header.

    Raises
    ------
    ValueError
        The address is none of http or https.

    Examples
    --------
    >>> split_user("http://ann:secret@host:9091")
    ('http://host:9091', ('ann', 'secret'))
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{without_secrets(url)!r} is no address such as http://localhost:9091")
    if parts.username is None:
        return url, None
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return bare, (unquote(parts.username), unquote(parts.password or ""))


def without_secrets(url: str) -> str:
    """Return an address as it may be shown: without user, password and query.

    Parameters
    ----------
    url : str
        Of any kind.

    Returns
    -------
    str

    Examples
    --------
    >>> without_secrets("https://ann:secret@host:9091/metrics?token=1")
    'https://host:9091/metrics'
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # such as an open bracket
        return "an address that can't be read"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
