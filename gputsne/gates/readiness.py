"""Evidence of what lies around a run: its store, published places, the input's file, a replay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from gputsne.base.errors import BadInput
from gputsne.gates.comparing import same_data
from gputsne.gates.drifts import map_drift
from gputsne.gates.subjects import Subject
from gputsne.planning.memory import plan
from gputsne.provenance import Run
from gputsne.provenance.plain import sha256_file
from gputsne.runs.review import killed_before
from gputsne.runs.store import PASS, Store

__all__ = ["about_input", "about_places", "about_store", "estimates", "replayed"]

Evidence = dict[str, float | str]
SECONDS = 10.0  # that a published address has to answer
PLANNED = (
    "n_components", "perplexity", "n_neighbors", "pca", "affinity_dtype", "metric", "affinity",
    "init",
)  # fmt: skip


def about_store(store: Store, run: Run) -> Evidence:
    """Return what a store says of a run, and whether it can be used.

    Parameters
    ----------
    store : Store
        Which.
    run : Run
        One of its runs, or not.

    Returns
    -------
    dict
        ``store_faults`` and ``store_fault``; ``killed``, the number of attempts at the run that
        were killed; ``ci_passed`` and ``ci_verdict``, of the latest ci check of this run.
    """
    fault = store.probe()
    found: Evidence = {"store_faults": float(bool(fault)), "store_fault": fault or "none"}
    try:
        attempts = store.unfinished()
        # Runs are read only where something was killed: reading them all takes a while.
        killed = killed_before(run, store.list(), attempts) if attempts else 0
        verdicts = [c["verdict"] for c in store.checks(run.id) if c["profile"] == "ci"]
    except OSError as error:
        return found | {"store_faults": 1.0, "store_fault": fault or f"it can't be read: {error}"}
    said = verdicts[-1] if verdicts else "nothing: there is none"
    return found | {
        "killed": float(killed), "ci_passed": float(said == PASS), "ci_verdict": said,
    }  # fmt: skip


def about_places(places: Iterable[str | Path]) -> Evidence:
    """Return which of some files and addresses aren't there.

    Parameters
    ----------
    places : iterable of str or Path
        Files, and addresses of http and https, which must answer within ten seconds.

    Returns
    -------
    dict
        ``published_missing`` and ``published_missing_names``; empty where no place is given.
    """
    every = [str(place) for place in places]
    missing = [place for place in every if not _is_there(place)]
    if not every:
        return {}
    return {
        "published_missing": float(len(missing)),
        "published_missing_names": ", ".join(missing) or "none",
    }


def _is_there(place: str) -> bool:
    if urlsplit(place).scheme not in ("http", "https"):
        path = Path(place)
        return path.is_file() and path.stat().st_size > 0
    try:
        asked = Request(place, headers={"User-Agent": "gputsne"})
        with urlopen(asked, timeout=SECONDS) as answer:
            return 200 <= int(answer.status) < 400
    except (URLError, OSError, ValueError):
        return False


def about_input(run: Run, path: str | Path) -> Evidence:
    """Return whether a file is the one that a run read, by its SHA-256.

    Parameters
    ----------
    run : Run
        The record.
    path : str or Path
        The file.

    Returns
    -------
    dict
        ``input_verified``, 1 or 0, where the record has a hash; ``input_checked``, the path.

    Raises
    ------
    BadInput
        There is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: no such file")
    known = {told.get("sha256") for told in (run.input, *run.further_inputs)} - {None}
    found: Evidence = {"input_checked": str(path)}
    if known:
        found["input_verified"] = float(sha256_file(path) in known)
    return found


def replayed(run: Subject, repeats: Sequence[Subject]) -> Evidence:
    """Return how far the map lies from replays that started from PCA with a fixed seed.

    Parameters
    ----------
    run : Subject
        The run.
    repeats : sequence of Subject
        Others; replays are those of the same data.

    Returns
    -------
    dict
        ``replay_disparity``, the largest; empty without a replay whose map is at hand.
    """
    found: list[float] = []
    for other in repeats:
        start = other.run.parameters.get("init")
        if other.run.id == run.run.id or other.run.seed is None or start != "pca":
            continue
        if same_data(run.run, other.run):
            sha = run.run.map_sha256
            alike = sha is not None and sha == other.run.map_sha256
            value = map_drift(run, other, alike).get("drift_map")
            if isinstance(value, float):
                found.append(value)
    return {"replay_disparity": max(found)} if found else {}


def estimates(run: Run) -> Evidence:
    """Return what a run of this size is to take: as this one took, and as planned.

    Parameters
    ----------
    run : Run
        The record.

    Returns
    -------
    dict
        ``estimate_seconds``, ``estimate_cost`` and ``estimate_bytes`` where the record tells.
    """
    found: Evidence = {}
    if run.seconds is not None:
        found["estimate_seconds"] = float(run.seconds)
    if run.cost is not None:
        found["estimate_cost"] = float(run.cost)
    told: dict[str, Any] = {k: v for k, v in run.parameters.items() if k in PLANNED}
    shape = run.input.get("shape") or ()
    if len(shape) == 2:
        with suppress(TypeError, ValueError):  # of parameters that a record holds by hash alone
            found["estimate_bytes"] = float(plan(*shape, **told).host_bytes)
    return found
