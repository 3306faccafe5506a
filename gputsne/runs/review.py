"""What runs say together: how two differ, what a time was like and cost, what was killed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gputsne.provenance import Run
from gputsne.runs.attempts import KILLED, Attempt

__all__ = [
    "KEYS", "difference", "drift_of", "killed_before", "spark", "summary", "value_of",
]  # fmt: skip

NUMBERS: Final = (
    "kl_divergence",
    "neighbors_recall",
    "n_iter",
    "seconds",
    "peak_memory_bytes",
    "cost",
)
HASHES: Final = ("path", "bytes", "sha256", "data_sha256", "shape", "dtype")
KEYS: Final = ("status", "device", "host", "day", "month")
BARS: Final = "▁▂▃▄▅▆▇█"


def difference(a: Run, b: Run) -> dict[str, dict[str, list[Any]]]:
    """Return in what two runs differ.

    Parameters
    ----------
    a, b : Run
        Two runs.

    Returns
    -------
    dict of str to dict of str to list
        Under ``parameters``, ``versions``, ``data``, ``metrics`` and ``place``: pairs of values, by
        name; names whose values are equal are left out.
    """
    one, other = a.to_dict(), b.to_dict()
    sides = [
        {
            "parameters": told["parameters"],
            "versions": told["versions"],
            "data": {name: (told["input"] or {}).get(name) for name in HASHES}
            | {"sample": told["sample"], "columns": [c.get("name") for c in told["columns"]]},
            "metrics": {name: told[name] for name in NUMBERS} | told["metrics"],
            "place": {name: told[name] for name in ("device", "host", "map_sha256")},
        }
        for told in (one, other)
    ]
    found: dict[str, dict[str, list[Any]]] = {}
    for part in sides[0]:
        left, right = (side[part] for side in sides)
        found[part] = {
            name: [left.get(name), right.get(name)]
            for name in dict.fromkeys([*left, *right])
            if left.get(name) != right.get(name)
        }
    return found


def drift_of(run: Run, checks: Iterable[Mapping[str, Any]] = ()) -> dict[str, float]:
    """Return what was measured of a run's drift, by name.

    Parameters
    ----------
    run : Run
        Its metrics whose names begin with "drift" count.
    checks : iterable of mapping
        Verdicts on it: so do theirs, the latest last.

    Returns
    -------
    dict of str to float
    """
    found = {name: value for name, value in run.metrics.items() if _is_drift(name)}
    for check in checks:
        rows = check.get("rows") or ()
        found |= {row["metric"]: row["value"] for row in rows if _is_drift(row.get("metric"))}
    return {name: float(v) for name, v in found.items() if isinstance(v, int | float)}


def _is_drift(name: Any) -> bool:
    return isinstance(name, str) and name.split(".")[0].split("_")[0] == "drift"


def killed_before(run: Run | Attempt, runs: Sequence[Run], attempts: Sequence[Attempt]) -> int:
    """Return how many earlier attempts at a run were killed.

    Parameters
    ----------
    run : Run or Attempt
        The run. One that was killed itself counts.
    runs : sequence of Run
        All runs of the store, oldest first.
    attempts : sequence of Attempt
        Runs that have begun and were never stored.

    Returns
    -------
    int
        Attempts of the same input, parameters and tags since the last run of these that ended, or
        since ever.
    """
    job = _job(run.run if isinstance(run, Attempt) else run.to_dict())
    ended = [r.id for r in runs if r.id < run.id and _job(r.to_dict()) == job]
    since = max(ended, default="")
    return sum(
        attempt.state == KILLED and since < attempt.id <= run.id and _job(attempt.run) == job
        for attempt in attempts
    )


def _job(record: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what makes two runs attempts at one: the input's name, seed and tags."""
    path = (record.get("input") or {}).get("path")
    return (path, str(record.get("seed")), tuple(sorted((record.get("tags") or {}).items())))


def summary(
    runs: Sequence[Run], attempts: Sequence[Attempt], drifts: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    """Return what a time was like.

    Parameters
    ----------
    runs : sequence of Run
        Those of the time.
    attempts : sequence of Attempt
        Those that began in it and were never stored.
    drifts : mapping of str to mapping of str to float
        What was measured of their drift, by id.

    Returns
    -------
    dict
        ``runs``, ``done``, ``killed``, ``success_rate`` (of those that ended or were killed; None
        without any), ``status`` (numbers of runs), ``seconds``,
        ``drift`` (by measure: ``runs``, ``mean``, ``max`` and ``worst``, the id of the most) and
        ``versions`` (by library: numbers of runs by version).
    """
    status = Counter(run.status for run in runs)
    killed = sum(attempt.state == KILLED for attempt in attempts)
    ended = len(runs) + killed
    versions: dict[str, Counter[str]] = {}
    for run in runs:
        for name, version in run.versions.items():
            versions.setdefault(name, Counter())[str(version)] += 1
    measured: dict[str, dict[str, float]] = {}
    for id, held in drifts.items():
        for name, value in held.items():
            measured.setdefault(name, {})[id] = value
    return {
        "runs": len(runs),
        "done": status["done"],
        "killed": killed,
        "success_rate": status["done"] / ended if ended else None,
        "status": dict(sorted(status.items())),
        "seconds": sum(run.seconds or 0.0 for run in runs),
        "drift": {
            name: {
                "runs": len(values),
                "mean": sum(values.values()) / len(values),
                "max": max(values.values()),
                "worst": max(values, key=lambda id: values[id]),
            }
            for name, values in sorted(measured.items())
        },
        "versions": {name: dict(sorted(held.items())) for name, held in sorted(versions.items())},
    }


def value_of(run: Run, key: str, none: str = "-") -> str:
    """Return a run's value of a key.

    Parameters
    ----------
    run : Run
        Any.
    key : str
        ``tag.NAME``, or one of `KEYS`; day and month are those of its start, in UTC.
    none : str, default "-"
        What stands for no value.

    Returns
    -------
    str
    """
    if key.startswith("tag."):
        return run.tags.get(key.removeprefix("tag."), none)
    if key in ("day", "month"):
        return f"{run.id[:4]}-{run.id[4:6]}" + (f"-{run.id[6:8]}" if key == "day" else "")
    return str(getattr(run, key) or none)


def spark(values: Sequence[float | None], width: int = 60) -> str:
    """Return numbers as a line of bars, low to high; of many the last of each stretch.

    Parameters
    ----------
    values : sequence of float or None
        None is a gap.
    width : int, default 60
        Most bars.

    Returns
    -------
    str

    Examples
    --------
    >>> spark([0.0, 3.5, 7.0, None])
    '▁▄█ '
    """
    n = len(values)
    if n > width:
        values = [values[(i + 1) * n // width - 1] for i in range(width)]
    known = [v for v in values if v is not None]
    if not known:
        return ""
    low, span = min(known), max(known) - min(known)
    top = len(BARS) - 1
    return "".join(
        " " if v is None else BARS[int((v - low) / span * top) if span else 0] for v in values
    )
