"""What ``gputsne check`` was given: JSON files of evidence and one run, as one flat dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from gputsne.base.errors import BadInput
from gputsne.cli.stores import store_of
from gputsne.cli.verdicts import json_object
from gputsne.provenance import Run

__all__ = ["Asked", "evidence_given"]

OF_RUNS: Final = ("baseline", "repeats", "input", "published")  # options that need a run


@dataclass(frozen=True)
class Asked:
    """Evidence, and where the verdict on it is to be kept.

    Attributes
    ----------
    evidence : dict
        Flat.
    store : Store or None
        The store that was named.
    stored : str or None
        Id of the run in it that is judged.
    """

    evidence: dict[str, Any]
    store: Any = None
    stored: str | None = None


def evidence_given(names: Sequence[str], given: Mapping[str, Any]) -> Asked:
    """Return the evidence of files and of one run.

    Parameters
    ----------
    names : sequence of str
        JSON files, one of them the record of a run; or an id or a ref of the store.
    given : mapping
        The options of the command.

    Returns
    -------
    Asked

    Raises
    ------
    UsageError
        For options about a run where there is none or several.
    BadInput
        For what is neither a file nor a run.
    """
    from gputsne.gates.samples import is_sample, sample_evidence
    from gputsne.gates.subjects import is_record
    from gputsne.judging import evidence_of

    store = store_of(given) if given.get("store") else None
    flat = _around(given)
    runs: list[Any] = []
    samples: list[Any] = []
    for name in names:
        if not Path(name).is_file() and store is not None and not name.endswith(".json"):
            runs.append(store.get(name))
            continue
        told = json_object(Path(name))
        if is_sample(told):
            samples.append(told)
            continue
        if is_record(told):
            runs.append(_run_of(told, name))
        flat |= evidence_of(told)
    flat |= sample_evidence(samples)
    asked = [option for option in OF_RUNS if given[option]]
    if len(runs) != 1:
        if asked:
            many = f"{len(runs)} were" if runs else "none was"
            flag = "--repeat" if asked[0] == "repeats" else f"--{asked[0]}"
            raise click.UsageError(f"{flag} is about one run, and {many} given to check")
        return Asked(flat, store)
    return _of_run(runs[0], flat, given, store)


def _of_run(run: Any, flat: dict[str, Any], given: Mapping[str, Any], store: Any) -> Asked:
    from gputsne.gates import run_evidence

    id = run.id
    kept = store is not None and (not isinstance(run, Run) or _holds(store, id))
    evidence = run_evidence(
        store.get(id) if kept else run, given["baseline"] or None, repeats=given["repeats"],
        store=store, input=given["input"], published=_published(given),
    )  # fmt: skip
    return Asked(evidence | flat, store, id if kept else None)


def _around(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the evidence of addresses and files around the job, where they are named."""
    if given["scrape"] is None and not given["manifests"] and given["operations"] is None:
        return {}
    from gputsne.telemetry.readiness import readiness

    return dict(
        readiness(
            scrape=given["scrape"], manifests=given["manifests"], operations=given["operations"]
        )
    )


def _published(given: Mapping[str, Any]) -> list[Any]:
    """Return the places of runbook and dashboards: those named, else those of the folder."""
    if given["published"] or given["operations"] is None:
        return list(given["published"])
    from gputsne.telemetry.readiness import published_by

    return list(published_by(given["operations"]))


def _holds(store: Any, id: str) -> bool:
    try:
        store.get(id)
    except BadInput:
        return False
    return True


def _run_of(told: Mapping[str, Any], name: str) -> Run:
    try:
        return Run.from_dict(told)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{name} is no record of a run: {error}") from error
