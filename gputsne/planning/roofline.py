"""The modelled speed of a GPU: a table of launches, bytes and times, from the code's own counts."""

from __future__ import annotations

from typing import Any

from gputsne.planning.costs import Case, Machine, calls

__all__ = ["SIZES", "SLOWER", "count", "model", "seconds", "table"]

SIZES = (60_000, 1_000_000, 10_000_000)
SLOWER = 1.4  # what kernels take over a roofline, as a rule: 1.3 to 1.5


def model(case: Case, gpu: Machine) -> dict[str, Any]:
    """Return the modelled iteration of one size.

    Parameters
    ----------
    case : Case
        Points, neighbours, axes.
    gpu : Machine
        Rates.

    Returns
    -------
    dict
        ``n``, ``nodes``, ``launches``, ``bytes``, ``milliseconds`` (the roofline itself),
        ``expected_milliseconds`` (1.4 times that) and ``calls``, one dict each.
    """
    rows: list[dict[str, Any]] = [
        {
            "call": call.name,
            "launches": call.launches,
            "bytes": int(call.bytes + call.missed),
            "milliseconds": 1e3 * call.seconds(gpu),
        }
        for call in calls(case, gpu)
    ]
    total = sum(row["milliseconds"] for row in rows)
    return {
        "n": case.n,
        "k": case.k,
        "nodes": case.nodes,
        "launches": sum(row["launches"] for row in rows),
        "bytes": sum(row["bytes"] for row in rows),
        "milliseconds": total,
        "expected_milliseconds": SLOWER * total,
        "calls": rows,
    }


def seconds(case: Case, gpu: Machine, iterations: int) -> float:
    """Return the seconds that the iterations are expected to take.

    Parameters
    ----------
    case : Case
        Points, neighbours, axes, bytes per weight.
    gpu : Machine
        Rates.
    iterations : int
        How many.

    Returns
    -------
    float
        Set-up, transfers and Python's own time not included.
    """
    found: float = model(case, gpu)["expected_milliseconds"]
    return 1e-3 * iterations * found


def table(models: list[dict[str, Any]], gpu: Machine) -> str:
    """Return models as text, one column per size.

    Parameters
    ----------
    models : list of dict
        What ``model`` returned.
    gpu : Machine
        What they are models of.

    Returns
    -------
    str
        Lines for a terminal.
    """
    head = f"{gpu.name}, by roofline; points in the order of a curve"
    lines = [head, f"{'':<18}{'launches':>9}" + "".join(f"{count(m['n']):>20}" for m in models)]
    lines.append(f"{'':<27}" + f"{'MB':>12}{'us':>8}" * len(models))
    for i, call in enumerate(models[0]["calls"]):
        cells = "".join(_cell(m["calls"][i]) for m in models)
        lines.append(f"{call['call']:<18}{call['launches']:>9}{cells}")
    total = "".join(_cell(m) for m in models)
    lines.append(f"{'an iteration':<18}{models[0]['launches']:>9}{total}")
    thousand = "".join(f"{m['expected_milliseconds']:>18.3g} s" for m in models)
    lines.append(f"{'1000, at 1.4 times':<27}{thousand}")
    nodes = "".join(f"{count(m['nodes']):>20}" for m in models)
    lines.append(f"{'FFT nodes':<27}{nodes}")
    return "\n".join(lines)


def _cell(row: dict[str, Any]) -> str:
    return f"{row['bytes'] / 1e6:>12.1f}{1e3 * row['milliseconds']:>8.0f}"


def count(value: int) -> str:
    """Return a number for reading, as ``70k`` or ``1M``."""
    for size, unit in ((1_000_000, "M"), (1000, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return str(value)
