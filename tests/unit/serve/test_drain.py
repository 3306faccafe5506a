"""What is left of a body that was refused is read for as long as it comes, and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from starlette.requests import Request

from gputsne.serve.guard import drain

FOREVER = 3600.0  # seconds: the test ends by the other limit


def asked(parts: Iterator[bytes], *, stops: bool) -> Request:
    """Return a request whose caller sends these parts, and then no end."""

    async def receive():
        for part in parts:
            return {"type": "http.request", "body": part, "more_body": True}
        if stops:
            await asyncio.sleep(FOREVER)
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(b"content-length", b"99999999")]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


@pytest.mark.parametrize("sent", [0, 3])
def test_a_caller_who_sends_no_more_is_not_waited_for(sent):
    request = asked(iter([b"x" * 100] * sent), stops=True)
    assert not asyncio.run(drain(request, 10_000, FOREVER, idle=0.01))


def test_a_body_that_comes_is_read_to_its_end_or_to_the_limit():
    assert asyncio.run(drain(asked(iter([b"x" * 100] * 3), stops=False), 10_000, FOREVER))
    parts = iter([b"x" * 100] * 300)
    assert not asyncio.run(drain(asked(parts, stops=True), 10_000, FOREVER))
    assert len(list(parts)) == 200  # 10,000 bytes were taken
