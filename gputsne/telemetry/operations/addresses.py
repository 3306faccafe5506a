"""Addresses as operating files have them: ports, targets of Prometheus, webhooks, weekdays."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

__all__ = ["is_port", "is_target", "is_webhook", "is_weekdays"]

# A name or a number of IPv4, or IPv6 in brackets.
HOST: Final = re.compile(r"[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\]")
MOST: Final = 65_535  # a port has 16 bits
# In the order in which Alertmanager counts them: a range may not go back.
WEEKDAYS: Final = (
    "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
)  # fmt: skip


def is_port(text: str) -> bool:
    """Tell whether a text is the number of a port."""
    return text.isascii() and text.isdigit() and 1 <= int(text) <= MOST


def is_target(text: object) -> bool:
    """Tell whether a value is ``host:port``, without a scheme and without a path."""
    if not isinstance(text, str):
        return False
    host, _, port = text.rpartition(":")
    return HOST.fullmatch(host) is not None and is_port(port)


def is_webhook(text: object) -> bool:
    """Tell whether a value is an address of http or https with a host."""
    if not isinstance(text, str) or re.search(r"\s", text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port that is none, or of a bracket
        return False


def is_weekdays(text: object) -> bool:
    """Tell whether a value is a weekday, or two with a colon of which the first is no later."""
    ends = text.lower().split(":") if isinstance(text, str) else []
    if not 1 <= len(ends) <= 2 or not set(ends) <= set(WEEKDAYS):
        return False
    return WEEKDAYS.index(ends[0]) <= WEEKDAYS.index(ends[-1])
