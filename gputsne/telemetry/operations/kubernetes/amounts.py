"""Amounts of cpu and memory of a container: which are missing, and which can't be meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

__all__ = ["amounts_lacking", "amounts_wrong", "quantity"]

NEEDED: Final = ("cpu", "memory")
# A quantity of Kubernetes: a number and what it is counted in, or an exponent.
QUANTITY: Final = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?\d{1,2}))?", re.ASCII
)
UNITS: Final = {
    **{unit: Decimal(10) ** (3 * i - 9) for i, unit in enumerate("num")},
    **{unit: Decimal(1000) ** i for i, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": Decimal(1024) ** i for i, unit in enumerate("KMGTPE", 1)},
}
# Least that is meant: cpu is counted in thousandths, and Docker refuses memory below 6 MiB.
LEAST: Final = {"cpu": (Decimal("0.001"), "1m"), "memory": (Decimal(6 * 2**20), "6Mi")}


def quantity(value: object) -> Decimal | None:
    """Return a quantity as Kubernetes reads it, in cores or bytes; None where it is none.

    Parameters
    ----------
    value : object
        Text or number of a manifest.

    Returns
    -------
    Decimal or None

    Examples
    --------
    >>> quantity("250m"), quantity("1Ki"), quantity("lots")
    (Decimal('0.250'), Decimal('1024'), None)
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    found = QUANTITY.fullmatch(str(value))
    if found is None:
        return None
    number, unit, exponent = found.groups()
    return Decimal(number) * UNITS.get(unit, Decimal(1)) * Decimal(10) ** int(exponent or 0)


def amounts_lacking(container: Mapping[str, Any]) -> list[str]:
    """Return which requests and limits a container lacks.

    Parameters
    ----------
    container : mapping
        Of a manifest.

    Returns
    -------
    list of str
        Such as ``limits.memory``.
    """
    return [name for name, value in _amounts(container) if value is None]


def amounts_wrong(container: Mapping[str, Any]) -> list[str]:
    """Return which requests and limits of a container can't be meant.

    Parameters
    ----------
    container : mapping
        Of a manifest.

    Returns
    -------
    list of str
        Such as ``limits.memory '1Gi' is below requests.memory '2Gi'``.
    """
    found, read = [], {}
    given = dict(_amounts(container))
    for name, value in given.items():
        if value is None:
            continue
        least, said = LEAST[name.partition(".")[2]]
        amount = quantity(value)
        if amount is None:
            found.append(f"{name} {value!r} is no quantity such as '500m' or '2Gi'")
        elif amount < least:
            found.append(f"{name} {value!r} is below {said}: 0 is no limit at all")
        else:
            read[name] = amount
    for name in NEEDED:
        limit, request = f"limits.{name}", f"requests.{name}"
        if limit in read and request in read and read[limit] < read[request]:
            found.append(f"{limit} {given[limit]!r} is below {request} {given[request]!r}")
    return found


def _amounts(container: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    resources = container.get("resources")
    for what in ("requests", "limits"):
        part = resources.get(what) if isinstance(resources, Mapping) else None
        for name in NEEDED:
            yield f"{what}.{name}", part.get(name) if isinstance(part, Mapping) else None
