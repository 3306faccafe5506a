"""Evidence of a run's record: its numbers and texts as one flat dict, named as rules name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeGuard

__all__ = ["coverage_of", "derived", "flat"]

INNER: Final = ("evidence", "scores", "metrics")  # whose entries stand for themselves
EARLY: Final = {"classic": 250, "short": 180}  # iterations of the early phase, by schedule
GB: Final = 1e9


def flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, float | str]:
    """Return the numbers and texts of a nested dict by the names that lead to them.

    Parameters
    ----------
    record : mapping
        Lists in it are left out.
    prefix : str
        Before each name.

    Returns
    -------
    dict of str to float or str
        Entries of ``evidence``, ``scores`` and ``metrics`` by their own names, other nested ones
        with the names above them, ``input.bytes``.

    Examples
    --------
    >>> flat({"metrics": {"rnx": 0.5}, "input": {"bytes": 7}, "map": [9, 2]})
    {'rnx': 0.5, 'input.bytes': 7}
    """
    found: dict[str, float | str] = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            found |= flat(value, "" if key in INNER else f"{prefix}{key}.")
        elif isinstance(value, bool | int | float | str):
            found[f"{prefix}{key}"] = value
    return found


def derived(record: Mapping[str, Any]) -> dict[str, float | str]:
    """Return what follows from the record of a run, besides what stands in it.

    Parameters
    ----------
    record : mapping
        Of any schema; what it lacks is left out.

    Returns
    -------
    dict of str to float or str
        ``latency_s``, the seconds that the run took; ``peak_memory_gb`` and ``peak_device_gb``, of
        10^9 bytes; ``null_rate``, the largest of a column, and ``null_rate.NAME`` of each that has
        one above 0; what ``inspect.convergence`` says of the KL curve; ``perplexity_share``.
    """
    found: dict[str, float | str] = {}
    of_run = str(record.get("schema")).startswith("gputsne.run/")
    for name, entry, unit in (
        *([("latency_s", "seconds", 1.0)] if of_run else []),
        ("peak_memory_gb", "peak_memory_bytes", GB),
        ("peak_device_gb", "peak_device_bytes", GB),
    ):
        value = record.get(entry)
        if _is_number(value):
            found[name] = value / unit
    parameters = record.get("parameters")
    settings: Mapping[str, Any] = parameters if isinstance(parameters, Mapping) else {}
    return found | _of_columns(record.get("columns")) | _of_fit(record, settings)


def coverage_of(told: Any) -> float | None:
    """Return the least share of a sample's coverage, as records hold it.

    Parameters
    ----------
    told : object
        The share alone, a list of shares with the least first, or a mapping with it as ``whole``.

    Returns
    -------
    float or None
        None where there is none.

    Examples
    --------
    >>> coverage_of({"whole": 0.97, "reach": 0.98}), coverage_of([0.97]), coverage_of(None)
    (0.97, 0.97, None)
    """
    if isinstance(told, Mapping):
        told = told.get("whole")
    if isinstance(told, list | tuple):
        told = told[0] if told else None
    return float(told) if _is_number(told) else None


def _of_columns(columns: Any) -> dict[str, float | str]:
    if not isinstance(columns, list | tuple):
        return {}
    told = [column for column in columns if isinstance(column, Mapping)]
    rates = [(c.get("name"), c["null_rate"]) for c in told if _is_number(c.get("null_rate"))]
    found: dict[str, float | str] = {f"null_rate.{name}": rate for name, rate in rates if rate}
    return found | ({"null_rate": max(rate for _, rate in rates)} if rates else {})


def _of_fit(record: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, float | str]:
    found: dict[str, float | str] = {}
    history = record.get("kl_history")
    if isinstance(history, list | tuple) and history:
        from gputsne.inspection import convergence

        early = settings.get("early_exaggeration_iter")
        if isinstance(early, bool) or not isinstance(early, int):
            early = EARLY.get(str(settings.get("schedule")), EARLY["classic"])
        found |= convergence(history, after=early).evidence
    shape, perplexity = record.get("map"), settings.get("perplexity")
    if isinstance(shape, list | tuple) and shape and _is_number(perplexity) and shape[0]:
        found["perplexity_share"] = float(perplexity) / float(shape[0])
    return found


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
