"""On-demand maps as a function of AWS Lambda, for events of API Gateway and direct ones."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from gputsne.base.errors import Refused
from gputsne.serve.embedding import EmbedService, embed_once
from gputsne.serve.tokens import token_of

__all__ = ["lambda_handler"]

LARGEST: Final = 6_000_000  # bytes of an event: AWS Lambda's own limit of a synchronous call


def lambda_handler(service: EmbedService | None = None) -> Callable[[Any, Any], dict[str, Any]]:
    """Return the handler of an AWS Lambda function that maps small tables.

    It takes events of API Gateway in both forms of their payload (1.0 of REST, 2.0 of HTTP APIs and
    function URLs), with the table as body, plain or in base64; and direct ones, ``{"rows": [[1, 2],
    ...], "token": "..."}``.

    Parameters
    ----------
    service : EmbedService or None, default None
        Limits, quota and tokens; None for the process's own.

    Returns
    -------
    callable
        ``handler(event, context)``, which returns ``statusCode``, ``headers``, ``body`` and
        ``isBase64Encoded``: a picture, or JSON with ``error``.

    Examples
    --------
    >>> handler = lambda_handler(EmbedService(calls=float("inf")))
    >>> answer = handler({"rows": [[i, i % 3] for i in range(30)]}, None)
    >>> answer["statusCode"], answer["headers"]["Content-Type"], answer["isBase64Encoded"]
    (200, 'image/png', True)
    >>> handler({"rows": [[1, 2]]}, None)["statusCode"]
    400
    """

    def handler(event: Any, context: Any = None) -> dict[str, Any]:
        try:
            asked = _asked(event)
            made = embed_once(service=service, **asked)
        except Refused as refused:
            headers = {"Content-Type": "application/json", **refused.headers}
            told = json.dumps({"error": str(refused), "status": refused.status})
            return _answer(refused.status, headers, told, encoded=False)
        headers = {
            "Content-Type": "image/png",
            "ETag": f'"{made.key}"',
            "X-Cache": "hit" if made.cached else "miss",
        }
        return _answer(200, headers, base64.b64encode(made.png).decode("ascii"), encoded=True)

    return handler


def _answer(status: int, headers: dict[str, str], body: str, *, encoded: bool) -> dict[str, Any]:
    safe = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **headers}
    return {"statusCode": status, "headers": safe, "body": body, "isBase64Encoded": encoded}


def _asked(event: Any) -> dict[str, Any]:
    """Return what `embed_once` is to be called with."""
    if not isinstance(event, Mapping):
        raise Refused(400, "an event is an object")
    if "rows" in event:
        body = json.dumps({"rows": event["rows"]}, default=str).encode()
        token = event.get("token")
        return {"data": body, "content_type": "application/json",
                "token": token if isinstance(token, str) else ""}  # fmt: skip
    context = event.get("requestContext")
    context = context if isinstance(context, Mapping) else {}
    http = context.get("http")  # of payload 2.0
    http = http if isinstance(http, Mapping) else {}
    identity = context.get("identity")  # of payload 1.0
    identity = identity if isinstance(identity, Mapping) else {}
    method = http.get("method") or event.get("httpMethod") or ""
    if method != "POST":
        raise Refused(405, "send a table by POST", headers={"Allow": "POST"})
    given = event.get("headers")
    headers = (
        {str(k).lower(): str(v) for k, v in given.items()} if isinstance(given, Mapping) else {}
    )
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, "send the body as it is, without Content-Encoding")
    return {
        "data": _body(event),
        "content_type": headers.get("content-type", ""),
        "token": _token(event),
        "caller": str(http.get("sourceIp") or identity.get("sourceIp") or ""),
    }


def _token(event: Mapping[str, Any]) -> str:
    """Return the token of an event's headers; "" where there are several, however written."""
    found: list[Any] = []
    plain, several = event.get("headers"), event.get("multiValueHeaders")
    if isinstance(plain, Mapping):
        found = [v for k, v in plain.items() if str(k).lower() == "authorization"]
    if isinstance(several, Mapping):  # of payload 1.0, beside the last of each in headers
        lists = [v for k, v in several.items() if str(k).lower() == "authorization"]
        values = [v for one in lists for v in (one if isinstance(one, list) else [one])]
        found = values if len(values) > 1 or not found else found
    return token_of(str(found[0]))[1] if len(found) == 1 else ""


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body")
    if not isinstance(body, str) or not body:
        raise Refused(400, "the body is the table: send csv, JSON, npy or npz")
    if len(body) > LARGEST:
        raise Refused(413, f"a body may have {LARGEST:,} bytes")
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, "the body is no base64") from error
