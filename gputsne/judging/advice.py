"""advise: t-SNE, UMAP or PCA, by the rules of the sources beside what a map would take here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gputsne.base.sizes import size_text
from gputsne.judging.checklist import MARKS, Checklist, Row
from gputsne.judging.verdict import check
from gputsne.planning.memory import Plan

__all__ = ["GOALS", "Advice", "advise"]

# What a map is wanted for, and the methods from the one that serves it best; rules.toml has the
# sentences of the sources that say so, and every threshold.
GOALS = {
    "explore": ("a first look at clusters, neighbours and outliers", ("t-SNE", "UMAP", "PCA")),
    "global": ("distances between groups", ("UMAP", "PCA", "t-SNE")),
    "time": ("maps that are compared over time", ("t-SNE", "UMAP", "PCA")),
    "features": ("columns for another model, in production", ("PCA", "UMAP", "t-SNE")),
}
PROFILES = {"t-SNE": "t-sne", "UMAP": "umap", "PCA": "pca"}
GB = 1e9


@dataclass(frozen=True)
class Advice:
    """Which method serves a goal, why, and what a t-SNE map would take on this machine.

    Attributes
    ----------
    goal : str
        As given.
    n, d : int
        Rows and columns.
    method : str
        "t-SNE", "UMAP" or "PCA".
    alternatives : tuple of str
        The other methods that no rule excludes, the better first.
    checklists : dict of str to Checklist
        The rules of each method that the goal and the size decide, with their sources.
    plan : Plan
        Memory of the t-SNE map, by part.
    device : str
        Where it would be computed.
    seconds : float or None
        About how long, or None where there is neither a measurement nor a model.
    seconds_by : str
        Where the seconds come from.
    evidence : dict of str to float
        What the rules were held against.
    """

    goal: str
    n: int
    d: int
    method: str
    alternatives: tuple[str, ...]
    checklists: dict[str, Checklist]
    plan: Plan
    device: str
    seconds: float | None = None
    seconds_by: str = ""
    evidence: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as one dict of plain values.

        Returns
        -------
        dict of str to object
            Goal, method, alternatives, plan, and the rows of each method's rules.
        """
        return {
            "goal": self.goal,
            "n": self.n,
            "d": self.d,
            "method": self.method,
            "alternatives": list(self.alternatives),
            "plan": {
                "device": self.device,
                "host_bytes": self.plan.host_bytes,
                "device_bytes": self.plan.device_bytes,
                "seconds": self.seconds,
                "seconds_by": self.seconds_by,
            },
            "evidence": dict(self.evidence),
            "rules": {name: held.to_dict()["rows"] for name, held in self.checklists.items()},
        }

    def __str__(self) -> str:
        """Return the advice, the plan and the rules with their sources, as text."""
        others = f"; or {', '.join(self.alternatives)}" if self.alternatives else ""
        lines = [
            f"{self.method}{others}: for {GOALS[self.goal][0]}, {self.n:,} rows x {self.d:,}",
            "",
            f"t-SNE here, on {self.device}: {self._memory()}; {self._time()}",
        ]
        for name, held in self.checklists.items():
            lines += ["", name]
            for row in held.rows:
                lines += _told(row)
        return "\n".join(lines)

    def _memory(self) -> str:
        free = self.evidence.get("free_gb")
        of = "" if free is None else f" of {size_text(float(free) * GB)} that are free"
        on_device = self.plan.device_bytes
        there = f", {size_text(on_device)} of the GPU's" if on_device else ""
        return f"{size_text(self.plan.host_bytes)} of memory{of}{there}"

    def _time(self) -> str:
        if self.seconds is None:
            return f"time unknown, {self.seconds_by}"
        if self.seconds < 120:
            return f"about {self.seconds:.2g} s, {self.seconds_by}"
        return f"about {self.seconds / 60:.2g} min, {self.seconds_by}"


def _told(row: Row) -> list[str]:
    """Return a rule as lines of text."""
    lines = [f"  {MARKS[row.status]} {row.title}"]
    lines += [f"      {text}" for text in (row.says, row.cause, row.action) if text]
    return [*lines, f"      [{row.source}]"]


def advise(
    n: int, d: int, goal: str = "explore", *, device: str = "auto",
    memory_limit: int | str | None = None, **params: Any,
) -> Advice:  # fmt: skip
    """Say whether t-SNE, UMAP or PCA serves a goal, and what t-SNE would take on this machine.

    The rules are sentences of two texts, "t-SNE in production" (S1) and "Evaluating embedding
    quality" (S2), each quoted where it decides; the sizes they name are older than this engine, so
    that the plan stands beside them.

    Parameters
    ----------
    n, d : int
        Rows and columns of the table.
    goal : {"explore", "global", "time", "features"}, default "explore"
        A first look at clusters, neighbours and outliers; distances between groups; maps that are
        compared over time; columns for another model, in production.
    device : str, default "auto"
        As in ``TSNE``; "h100" and "h200" take the time of a model.
    memory_limit : int, str or None, default None
        Bytes that the fit may take, or as "8G"; None for what is free.
    **params : object
        What else ``plan`` takes, such as ``perplexity`` and ``pca``.

    Returns
    -------
    Advice
        ``method``, ``alternatives``, ``plan``, ``seconds`` and the rules by method; prints as text,
        and ``to_dict`` gives the rest.

    Raises
    ------
    TypeError, ValueError
        For another goal, and for what ``plan`` refuses.
    BackendUnavailable
        For a device that was asked for by name and can't run here.

    Examples
    --------
    >>> advise(10_000, 50).method, advise(10_000, 50, "global").method
    ('t-SNE', 'UMAP')
    """
    from gputsne import backends
    from gputsne.affinities import n_neighbors_for
    from gputsne.base.memory import available_memory
    from gputsne.base.parameter_table import Bytes
    from gputsne.base.threads import resolve_n_jobs
    from gputsne.planning.costs import MACHINES
    from gputsne.planning.host import MEASURED_ON, host_seconds
    from gputsne.planning.memory import plan

    if not isinstance(goal, str) or goal not in GOALS:
        raise ValueError(f"goal={goal!r} must be one of {', '.join(map(repr, GOALS))}")
    given = Bytes().read("memory_limit", memory_limit)
    planned = plan(n, d, device=device, **params)
    n, d = int(n), int(d)
    columns = min(d, params.get("pca") or d)
    free, gpu_free = available_memory() if given is None else given, None
    seconds: float | None
    if device in MACHINES:
        seconds, by = sum(planned.stage_seconds.values()), "by a model, not measured"
        gpu_free = MACHINES[device].memory
    else:
        chosen = backends.choose(device)
        device = chosen.device
        if device in backends.devices_with_memory():
            planned = plan(n, d, device=device, **params)
            gpu_free = float(chosen.ops.memory()[0])
            seconds, by = None, "not modelled for this GPU; gputsne plan --device h100 has one"
        else:
            k = params.get("n_neighbors") or n_neighbors_for(params.get("perplexity", 30.0), n)
            threads = resolve_n_jobs(None)
            seconds = host_seconds(n, columns, int(k), threads)
            by = f"scaled to {threads} threads from {MEASURED_ON}"
    evidence = {f"goal_{goal}": 1.0, "n": float(n), "columns": float(columns)}
    evidence["host_gb"] = planned.host_bytes / GB
    if free is not None:
        evidence["free_gb"] = free / GB
    if gpu_free is not None:
        evidence |= {"device_gb": planned.device_bytes / GB, "device_free_gb": gpu_free / GB}
    order = GOALS[goal][1]
    checklists = {name: _decided(check(evidence, PROFILES[name])) for name in order}
    fit = [name for name in order if checklists[name].verdict != "FAIL"]
    return Advice(
        goal, n, d, fit[0], tuple(fit[1:]), checklists, planned, device, seconds, by, evidence
    )


def _decided(held: Checklist) -> Checklist:
    """Return a checklist without the rules of other goals, which have no evidence."""
    return Checklist(held.profile, tuple(row for row in held.rows if row.status != "n/a"))
