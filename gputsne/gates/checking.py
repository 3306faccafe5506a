"""check and run_evidence: a run beside its baseline as flat evidence, held against a profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from gputsne import judging
from gputsne.gates.comparing import circumstances, reproduction, same_data, schema
from gputsne.gates.drifts import cause_of, data_drift, map_drift
from gputsne.gates.readiness import about_input, about_places, about_store, estimates, replayed
from gputsne.gates.subjects import Subject, is_record, subject_of
from gputsne.judging import Checklist
from gputsne.provenance import Run
from gputsne.runs.store import Store
from gputsne.runs.stored import StoredRun

__all__ = ["check", "run_evidence"]

Evidence = dict[str, float | str]
QUALITY = ("knn_preservation", "trustworthiness")
K = 10  # neighbours compared before and after, as gputsne embed --score
DONE = "done"


def check(
    evidence: Any, profile: str = "go-no-go", *, baseline: Any = None,
    rules: str | PathLike[str] | Mapping[str, Any] | None = None,
    acks: Mapping[str, str] | Sequence[str] = (), more: Mapping[str, Any] | None = None,
    **given: Any,
) -> Checklist:  # fmt: skip
    """Hold evidence, or a run beside its baseline, against the rules of a profile.

    Parameters
    ----------
    evidence : mapping, Run, StoredRun, path or TSNE
        Flat evidence of numbers and texts, from ``metrics.evaluate`` and the ``evidence`` of what
        ``inspect`` finds, joined by ``|``; None and NaN are missing. Or a run: `run_evidence` says
        what may be one, and makes the evidence of it.
    profile : str, default "go-no-go"
        "go-no-go", "diagnose", "clusters", "neighbors", "models", "spaces"; for runs "ci",
        "preprod", "prod" and "incident"; or one of your own rules.
    baseline : mapping, Run, StoredRun, path, TSNE or None
        What the run is compared with. Beside flat evidence, flat evidence too.
    rules : path, mapping or None
        A TOML file whose tables are added to the rules of the package or put over them.
    acks : mapping of str to str, or sequence of str
        Answers to the questions of a profile: ``{"visualization": "ann: ten clear groups"}``, or
        texts ``"visualization=ann: ten clear groups"``; without a row's name for every question.
    more : mapping or None
        Further evidence, which goes before what a run tells: ``{"budget_seconds": 300}``.
    **given : object
        Of a run: the other arguments of `run_evidence`.

    Returns
    -------
    Checklist
        ``verdict``, ``passed``, ``exit_code``, ``rows``; prints as text, shows as HTML in a
        notebook, and ``to_junit``, ``to_markdown``, ``to_html`` and ``to_dict`` give the rest.
        Missing evidence is "n/a" and an unanswered question "needs review"; neither is ever a pass.

    Raises
    ------
    TypeError
        For arguments about a run beside flat evidence, and a baseline of another kind.
    ValueError
        For an unknown profile, evidence that is no number where a rule compares it, and acks of
        unknown rows, of rows that are no question, or without a name and a reason.
    BadInput
        A ValueError: for rules that can't be read or make no sense, and files that aren't there.

    Examples
    --------
    >>> found = check({"silhouette": 0.061, "davies_bouldin": 3.678})
    >>> found.verdict, found["silhouette"].status, found["latency"].status
    ('FAIL', 'fail', 'n/a')
    >>> found = check({"knn_preservation": 0.5}, "ci", baseline={"knn_preservation": 0.53})
    >>> found["quality_knn"].status
    'fail'
    """
    flat = isinstance(evidence, Mapping) and not is_record(evidence)
    if flat:
        if given:
            raise TypeError(f"{next(iter(given))}=... is about a run, but evidence is flat")
        if baseline is not None and (not isinstance(baseline, Mapping) or is_record(baseline)):
            raise TypeError("baseline must be flat evidence where evidence is")
        found = dict(evidence) | {f"baseline.{k}": v for k, v in (baseline or {}).items()}
    elif _may_be_run(evidence):
        found = dict(run_evidence(evidence, baseline, **given))
    else:
        raise TypeError(
            "evidence must be a flat mapping of names to numbers, as metrics.evaluate returns, or "
            f"a run, got {type(evidence).__name__}"
        )
    return judging.check(found | dict(more or {}), profile, rules=rules, acks=acks)


def run_evidence(
    run: Any, baseline: Any = None, *, X: Any = None, Y: Any = None, ids: Any = None,
    baseline_X: Any = None, baseline_Y: Any = None, baseline_ids: Any = None,
    repeats: Sequence[Any] = (), store: Store | str | PathLike[str] | None = None,
    input: str | PathLike[str] | None = None, published: Sequence[str | PathLike[str]] = (),
    random_state: Any = 0,
) -> dict[str, float | str]:  # fmt: skip
    """Return what can be known of a run and of what has changed since its baseline.

    Parameters
    ----------
    run : Run, StoredRun, mapping, path, str or fitted TSNE
        A record, or what has one: ``model.run_``, ``store.get(id)``, a file of ``gputsne embed
        --run-record``. Text is a path, or with a store an id or a ref.
    baseline : as run, or None
        What it is compared with: the run in production, or the last good one.
    X, Y, ids : array_like or DataFrame, shapes (n, d), (n, c) and (n,), or None
        The run's data, map and ids of rows. None: those stored (``input.parquet``, ``map.parquet``)
        or of the fitted model; what isn't at hand gives no evidence.
    baseline_X, baseline_Y, baseline_ids : array_like or DataFrame, or None
        The same of the baseline.
    repeats : sequence of runs
        Others of the same data, with which reproducibility and a replay are told.
    store : Store, str, path or None
        Where ids are looked up, killed attempts and verdicts of earlier checks are counted; it is
        tried whether it can be written and read.
    input : path or None
        A file that is held against the hash of what the run read.
    published : sequence of paths and addresses
        Of dashboard and runbook; whether they are there.
    random_state : int, RandomState, Generator or None, default 0
        Of the measures of drift.

    Returns
    -------
    dict of str to float or str
        Flat, for ``gputsne.check``: what `Run.evidence` tells, the baseline's numbers as
        ``baseline.NAME``, and what docs/gates.md lists.

    Raises
    ------
    TypeError
        For what is no run.
    ValueError
        For a file that is no record of a run, and data, maps and ids that don't belong together.
    BadInput
        There is no such file and no such run.

    Examples
    --------
    >>> import numpy as np
    >>> from gputsne import TSNE
    >>> X = np.random.default_rng(0).normal(size=(100, 4))
    >>> runs = [TSNE(max_iter=300, random_state=0).fit(X) for _ in range(2)]
    >>> found = run_evidence(runs[1], runs[0], X=X, baseline_X=X)
    >>> found["reproduced"], found["drift_map"], found["drift_mmd"]
    (1.0, 0.0, 0.0)
    """
    shelf = Store(store) if isinstance(store, str | PathLike) else store
    new = subject_of(run, X=X, Y=Y, ids=ids, store=shelf)
    found = _alone(new)
    others = [subject_of(what, store=shelf, name="repeats") for what in repeats]
    old = None
    if baseline is not None:
        old = subject_of(
            baseline, X=baseline_X, Y=baseline_Y, ids=baseline_ids, store=shelf, name="baseline"
        )
        found |= _beside(new, old, random_state)
    compared = [other.run for other in ([] if old is None else [old]) + others]
    found |= reproduction(new.run, compared) | replayed(new, others)
    if input is not None:
        found |= about_input(new.run, Path(input))
    found |= about_places([str(place) for place in published])
    return found | (about_store(shelf, new.run) if shelf is not None else {})


def _may_be_run(what: Any) -> bool:
    """Tell whether something is a run, or has or names one."""
    named = isinstance(what, Run | StoredRun | Mapping | str | PathLike)
    return named or isinstance(getattr(what, "run_", None), Run)


def _alone(new: Subject) -> Evidence:
    """Return what a run tells by itself."""
    run = new.run
    found: Evidence = run.evidence | estimates(run)
    found |= {"done": float(run.status == DONE), "seeded": float(run.seed is not None)}
    found |= {
        "owned": float("owner" in run.tags),
        "owner": run.tags.get("owner", "whoever owns it: the run has no tag owner"),
    }
    found["kl_points"] = float(sum(kl is not None for _, kl in run.kl_history))
    if new.page_bytes is not None:
        found["page_bytes"] = float(new.page_bytes)
    return found | _quality(new)


def _beside(new: Subject, old: Subject, random_state: Any) -> Evidence:
    """Return how a run differs from its baseline."""
    told = old.run.evidence | _quality(old)
    found: Evidence = {f"baseline.{name}": value for name, value in told.items()}
    found |= circumstances(new.run, old.run) | schema(new.run, old.run)
    found |= data_drift(old, new, same_data(new.run, old.run), random_state)
    found |= map_drift(old, new, found.get("same_map") == 1)
    return found | {"drift_cause": cause_of(found)}


def _quality(subject: Subject) -> Evidence:
    """Return the measures of a map: those of the record, else measured where data are at hand."""
    known: Evidence = {
        name: float(subject.run.metrics[name])
        for name in QUALITY
        if isinstance(subject.run.metrics.get(name), int | float)
    }
    if len(known) == len(QUALITY) or subject.map is None or subject.table is None:
        return known
    X, Y = subject.table.values, subject.map
    if len(Y) != X.shape[0]:
        raise ValueError(f"the map has {len(Y)} rows, its data {X.shape[0]}: give both of one run")
    if len(Y) <= 2 * K or (not subject.table.sparse and not np.isfinite(X).all()):
        return known
    from gputsne import metrics

    return {n: float(getattr(metrics, n)(X, Y, k=K)) for n in QUALITY} | known
