"""Checks of addresses: metrics that are scraped, and a Pushgateway."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from gputsne.data import require
from gputsne.telemetry.doctor.finding import FAILED, OK, WARNING, Finding, within
from gputsne.telemetry.fetching import Answer, fetch, without_secrets

__all__ = ["TOKEN", "families_of", "pushgateway_findings", "scrape_findings"]

SECONDS: Final = 10.0  # Prometheus' own scrape_timeout
TOKEN: Final = "GPUTSNE_SCRAPE_TOKEN"
OURS: Final = "gputsne_"


def families_of(answer: Answer) -> dict[str, int]:
    """Return the metrics of a text by name, with how many series each has.

    Parameters
    ----------
    answer : Answer
        Of the text format of Prometheus, or of OpenMetrics.

    Returns
    -------
    dict of str to int

    Raises
    ------
    ValueError
        The text is neither.
    """
    parse: Callable[[str], Iterable[Any]]
    if "openmetrics" in answer.kind:
        from prometheus_client.openmetrics import parser as of_openmetrics

        parse = of_openmetrics.text_string_to_metric_families
    else:
        from prometheus_client import parser

        parse = parser.text_string_to_metric_families
    try:
        return {family.name: len(family.samples) for family in parse(answer.text)}
    except ValueError:
        raise
    except Exception as error:  # the parser trips over other texts in many ways
        raise ValueError(f"{type(error).__name__}: {error}") from error


def scrape_findings(url: str, *, seconds: float = SECONDS) -> Iterator[Finding]:
    """Scrape an address as Prometheus does, and read what it answers.

    Parameters
    ----------
    url : str
        Of the metrics, such as http://localhost:8000/metrics. The environment variable
        ``GPUTSNE_SCRAPE_TOKEN`` has the token of a server that asks for one.
    seconds : float
        How long it may take.

    Yields
    ------
    Finding
    """
    shown = without_secrets(url)
    require("prometheus_client", "reading metrics")
    token = os.environ.get(TOKEN, "").strip()
    if not token.isascii() or not token.isprintable():
        yield Finding("scrape", "token", FAILED, f"{TOKEN} has characters that no token has",
                      f"export {TOKEN}=... once more, without line breaks")  # fmt: skip
        return
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = within(seconds, lambda: fetch(url, seconds, headers))
    except Exception as error:
        yield Finding("scrape", "answer", FAILED, f"{shown}: {_said(error)}", _remedy(error))
        return
    try:
        found = families_of(answer)
    except ValueError as error:
        first = " ".join(str(error).split())[:100]
        yield Finding("scrape", "format", FAILED, f"{shown} answers no metrics: {first}",
                      f"curl {shown} shows what it is; give the path /metrics")  # fmt: skip
        return
    ours = {name: count for name, count in found.items() if name.startswith(OURS)}
    if not ours:
        yield Finding("scrape", "metrics", FAILED, f"{shown} has {len(found)} metrics, none of "
                      "gputsne", "scrape gputsne serve, gputsne embed --metrics-port, or a "
                      "node-exporter with --collector.textfile.directory")  # fmt: skip
        return
    series = sum(ours.values())
    yield Finding("scrape", "metrics", OK,
                  f"{shown}: {len(ours)} metrics of gputsne, {series} series")  # fmt: skip


def pushgateway_findings(url: str, *, seconds: float = SECONDS) -> Iterator[Finding]:
    """Ask a Pushgateway whether it is ready and what it holds.

    Parameters
    ----------
    url : str
        Its address, ``http://host:9091``.
    seconds : float
        How long it may take.

    Yields
    ------
    Finding
    """
    shown = without_secrets(url)
    require("prometheus_client", "reading metrics")
    try:
        answer = within(seconds, lambda: fetch(f"{url.rstrip('/')}/metrics", seconds))
        found = families_of(answer)
    except Exception as error:
        yield Finding("pushgateway", "answer", FAILED, f"{shown}: {_said(error)}", _remedy(error))
        return
    if "push_time_seconds" not in found and not any(n.startswith("pushgateway_") for n in found):
        yield Finding("pushgateway", "answer", WARNING, f"{shown} has metrics of something else",
                      "give the Pushgateway's own address, http://HOST:9091")  # fmt: skip
        return
    yield Finding("pushgateway", "answer", OK, f"{shown} answers, with {len(found)} metrics")


def _said(error: Exception) -> str:
    reason = getattr(error, "reason", None)  # of urllib's own error
    return " ".join(str(reason or error).split()) or type(error).__name__


def _remedy(error: Exception) -> str:
    """Return what to do about an address that does not answer as it should."""
    code = getattr(error, "code", None)
    if code in (401, 403):
        return f"export {TOKEN}=..., a token of a viewer: gputsne serve --new-token viewer"
    if code is not None:
        return "give the path of the metrics: http://HOST:PORT/metrics"
    if isinstance(error, ValueError):
        return "give an address of http: http://HOST:PORT/metrics"
    return "is it running, and does a firewall or NetworkPolicy let this machine ask?"
