"""What a model costs to run: latency of a callable, memory of its vectors, and their price."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from gputsne.base.findings import Findings
from gputsne.base.parameter_table import Real, Whole

__all__ = ["footprint", "latency"]

BYTES = {"float64": 8, "float32": 4, "float16": 2, "int8": 1}
SHOWN = ("float32", "float16", "int8")


def latency(
    model: Callable[[Any], Any], batch: Any, *, warmup: int = 10, trials: int = 100,
    clock: Callable[[], float] = time.perf_counter,
) -> Findings:  # fmt: skip
    """Time the calls of a model.

    Parameters
    ----------
    model : callable
        Called as ``model(batch)``. What it leaves to a device it must wait for.
    batch : sequence
        The rows of one call; a single record is a batch of one.
    warmup : int, default 10
        Calls before those that are timed.
    trials : int, default 100
        Calls that are timed.
    clock : callable, default ``time.perf_counter``
        Returns seconds.

    Returns
    -------
    Findings
        One row of ``rows, trials, mean_ms, p95_ms, events_per_second``. Evidence: ``latency_ms``
        (mean), ``latency_p95_ms`` and ``events_per_second``.

    Raises
    ------
    ValueError
        For trials below 1 and an empty batch.

    Examples
    --------
    >>> ticks = iter(range(100))
    >>> latency(len, [0.0], warmup=0, trials=5, clock=lambda: next(ticks) / 50)[0]["mean_ms"]
    20.0
    """
    Whole(0).check("warmup", warmup)
    Whole(1).check("trials", trials)
    rows = batch.shape[0] if getattr(batch, "shape", None) else len(batch)
    if rows == 0:
        raise ValueError("batch is empty: give the rows of one call")
    for _ in range(warmup):
        model(batch)
    taken = []
    for _ in range(trials):
        began = clock()
        model(batch)
        taken.append(clock() - began)
    mean, p95 = 1000 * float(np.mean(taken)), 1000 * float(np.percentile(taken, 95))
    rate = float("inf") if mean == 0 else 1000 * int(rows) / mean
    evidence: dict[str, float | str] = {
        "latency_ms": mean, "latency_p95_ms": p95, "events_per_second": rate,
    }  # fmt: skip
    row = {
        "rows": int(rows), "trials": trials, "mean_ms": mean, "p95_ms": p95,
        "events_per_second": rate,
    }  # fmt: skip
    return Findings((row,), evidence, f"Latency of a batch of {rows}")


def footprint(
    n: int, d: int, dtype: str = "float32", *, price_gb_month: float | None = None,
    budget_gb: float | None = None,
) -> Findings:  # fmt: skip
    """Compute the memory of vectors, and what it costs per month.

    Parameters
    ----------
    n, d : int
        Vectors, and numbers in each.
    dtype : {"float32", "float64", "float16", "int8"}, default "float32"
        The one that evidence is about.
    price_gb_month : float or None, default None
        Price of 10^9 bytes for a month, in any currency.
    budget_gb : float or None, default None
        Memory there may be, in 10^9 bytes.

    Returns
    -------
    Findings
        Rows of ``dtype, bytes_per_vector, gb`` (of 10^9 bytes), ``gib`` (of 2^30) and ``cost`` per
        month. Evidence: ``footprint_gb``, ``footprint_gib``, ``footprint_cost``, ``budget_gb``.

    Raises
    ------
    ValueError
        For an unknown dtype and sizes below 1.

    Examples
    --------
    >>> [round(row["gib"], 2) for row in footprint(10_000_000, 256)]
    [9.54, 4.77, 2.38]
    """
    Whole(1).check("n", n)
    Whole(1).check("d", d)
    if dtype not in BYTES:
        raise ValueError(f"dtype={dtype!r} must be one of {', '.join(BYTES)}")
    for name, value in (("price_gb_month", price_gb_month), ("budget_gb", budget_gb)):
        if value is not None:
            Real(0.0, open_low=False).check(name, value)
    names = SHOWN if dtype in SHOWN else (dtype, *SHOWN)
    rows = tuple(_size(n, d, name, price_gb_month) for name in names)
    own = rows[names.index(dtype)]
    evidence: dict[str, float | str] = {"footprint_gb": own["gb"], "footprint_gib": own["gib"]}
    if price_gb_month is not None:
        evidence["footprint_cost"] = own["cost"]
    if budget_gb is not None:
        evidence["budget_gb"] = float(budget_gb)
    return Findings(rows, evidence, f"{n:,} vectors of {d} numbers")


def _size(n: int, d: int, dtype: str, price: float | None) -> dict[str, Any]:
    size = n * d * BYTES[dtype]
    row: dict[str, Any] = {
        "dtype": dtype, "bytes_per_vector": d * BYTES[dtype], "gb": size / 1e9, "gib": size / 2**30,
    }  # fmt: skip
    return row if price is None else row | {"cost": size / 1e9 * price}
