"""``gputsne info`` and ``gputsne plan``: what this machine can do, and what a run would need.

Neither computes anything.
"""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

import click

from gputsne._version import __version__
from gputsne.base.extras import pip_install
from gputsne.cli.options import (
    AFFINITY_DTYPES,
    DEVICES,
    Command,
    Number,
    WholeNumber,
    bytes_of,
    count_of,
    option,
    options,
)
from gputsne.cli.output import Output, seconds
from gputsne.cli.spending import checked, foreseen, machine_of, price_options, terms_of
from gputsne.cli.stores import store_of
from gputsne.cli.wording import in_shell
from gputsne.cli.workers import check_workers, show_workers
from gputsne.provenance.machine import versions

if TYPE_CHECKING:
    from gputsne.accounts.terms import Terms

COST = ("price_per_hour", "replicas", "machine", "prices", "max_cost")
SCHEDULE_NAMES = ("classic", "short")  # of gputsne/engine/schedule.py
MODELS = ("h100", "h200")  # GPUs that gputsne/planning/roofline.py has a model of
OPTIONAL = {"plot": ("matplotlib", "plotly"), "io": ("pyarrow", "h5py"), "report": ("jinja2",)}
json_option = option("--json", "as_json", is_flag=True, help="Print it as JSON.")


@click.command(cls=Command, examples="Example:\n  gputsne info --json\n")
@options("Options", json_option)
def info(as_json: bool) -> None:
    """Show what this machine can do: backends, threads, packages.

    For a backend that can't run here the reason is given.
    """
    from gputsne import backends
    from gputsne.base import threads

    granted = threads.resolve_n_jobs(None)
    masked = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts: dict[str, Any] = {
        "gputsne": __version__,
        "platform": platform.platform(),
        "backends": [
            {"name": name, "available": there, "reason": reason}
            for name, there, reason in backends.explain()
        ],
        "threads": granted,
        "processors": os.cpu_count(),
        "affinity": masked,
        "cut_by_quota": granted < (masked or 1),
        "versions": versions(),
        "optional": {
            name: {"extra": extra, "version": _version(name)}
            for extra, names in OPTIONAL.items()
            for name in names
        },
    }
    Output(as_json, needed=True).result(_as_text(facts), facts)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _as_text(facts: dict[str, Any]) -> str:
    found = facts["versions"]
    lines = [
        f"gputsne       {facts['gputsne']}",
        f"python        {found['python']} on {facts['platform']}",
    ]
    for backend in facts["backends"]:
        state = "yes" if backend["available"] else "no"
        reason = f": {backend['reason']}" if backend["reason"] else ""
        lines.append(f"{backend['name']:<14}{state}{reason}")
    cut = ", cut by the CPU quota" if facts["cut_by_quota"] else ""
    lines.append(
        f"threads       {facts['threads']} (this process may use {facts['affinity']} of "
        f"{facts['processors']} processors{cut})"
    )
    lines += [f"{name:<14}{found[name]}" for name in ("numpy", "scipy", "scikit-learn", "faiss")]
    for name, package in facts["optional"].items():
        missing = f"not installed: {pip_install(package['extra'])}"
        lines.append(f"{name:<14}{package['version'] or missing}")
    return "\n".join(lines)


PLANS = """\
Examples:
  gputsne plan 1e6 50 --memory-limit 8G
  gputsne plan 1e7 50 --on-disk --memory-limit 24GB
  gputsne plan 1e8 50 --workers 32 --price-per-hour 0.4
  gputsne plan --device h100      the model of an iteration and of whole fits
"""


@click.command(cls=Command, examples=PLANS)
@click.argument("n", metavar="N", type=count_of, required=False)
@click.argument("d", metavar="D", type=count_of, required=False)
@options(
    "Options",
    option("--components", type=WholeNumber(1, 3), metavar="C", help="Map axes. [2]"),
    option("--perplexity", type=Number(1), metavar="P", help="As in embed. [30]"),
    option("--n-neighbors", type=WholeNumber(1), metavar="K", help="[3 x perplexity]"),
    option("--pca", type=WholeNumber(1), metavar="D", help="Features kept. [all]"),
    option(
        "--device",
        type=click.Choice([*DEVICES, *MODELS]),
        help="Where to run; h100 and h200 print a model of that GPU. [auto]",
    ),
    option(
        "--affinity-dtype",
        type=click.Choice(AFFINITY_DTYPES),
        help="How a GPU keeps P. [float32]",
    ),
    option("--schedule", type=click.Choice(list(SCHEDULE_NAMES)), help="As in embed. [classic]"),
    option("--on-disk", is_flag=True, default=None, help="Rows stay on disk, read by blocks."),
    option(
        "--memory-limit",
        type=bytes_of,
        metavar="SIZE",
        help="Plan with parts of the fit on disk where it has to be so; exit with 4 if it needs "
        "more all the same.",
    ),
    option(
        "--workers",
        type=count_of,
        metavar="W",
        help="Show the steps on W machines: a sample, all rows placed in shards, a refinement.",
    ),
    option("--store", metavar="URI", help="Scale seconds by runs of this machine in a store."),
    *price_options,
    json_option,
)
def plan(
    n: int | None,
    d: int | None,
    memory_limit: int | None,
    workers: int | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Show the memory that a map of N rows x D features takes, and with a price its cost."""
    asked = {name: given.pop(name) for name in (*COST, "store", "schedule")}
    import gputsne
    from gputsne.planning.costs import MACHINES
    from gputsne.planning.ways import IN_MEMORY

    if given["device"] in MODELS and n is None:
        given_too = {f"--{name.replace('_', '-')}": value for name, value in asked.items()}
        alone = {
            "--memory-limit": memory_limit,
            "--workers": workers,
            "--pca": given["pca"],
            "--on-disk": given.pop("on_disk"),
            **given_too,
        }
        for flag, value in alone.items():
            if value is not None:
                raise click.BadParameter("has no effect without N and D", param_hint=flag)
        _model(as_json, **given)
        return
    if n is None or d is None:
        raise click.UsageError(f"Missing argument {'N' if n is None else 'D'!r}.")
    given["n_components"] = given.pop("components")
    if given["pca"] is not None and given["pca"] > d:
        reason = f"{given['pca']} is more than the {d} features: a fit refuses it"
        raise click.BadParameter(reason, param_hint="--pca")
    if workers is not None:
        check_workers(workers, given, asked)
    terms, chosen = _terms(asked)
    if workers is not None:
        given.pop("on_disk")
        show_workers(n, d, workers, given, asked, terms, memory_limit, as_json)
        return
    try:
        own = {**given, "memory_limit": memory_limit}
        planned = gputsne.plan(n, d, **{k: v for k, v in own.items() if v is not None})
    except ValueError as error:  # all it was given is the command line's
        raise click.UsageError(in_shell(str(error))) from error
    facts = {
        "n": n,
        "d": d,
        "parts": planned.parts,
        "host_bytes": planned.host_bytes,
        "device_bytes": planned.device_bytes,
        "device_needs": planned.device_needs,
        "seconds": planned.seconds,
        "stage_seconds": planned.stage_seconds,
        "way": str(planned.way),
        "disk_bytes": planned.disk_bytes,
    }
    given.pop("on_disk")  # a fit takes as long
    lines = [f"{amount(size):>10}  {part}" for part, size in planned.parts.items()]
    lines.append(f"{amount(planned.host_bytes):>10}  in all, main memory")
    if planned.way != IN_MEMORY:
        lines.append(f"{amount(planned.disk_bytes):>10}  in temporary files: {planned.way}")
    if planned.device_bytes:
        lines.append(f"{amount(planned.device_bytes):>10}  in all, device memory")
    room = MACHINES[given["device"]].memory if planned.seconds is not None else None
    if room is not None and planned.device_needs > room:
        lines.append(f"it does not fit: {amount(room)} is all that this GPU has")
    elif room is not None:
        lines += [
            f"{seconds(value):>10}  {stage}, modelled"
            for stage, value in planned.stage_seconds.items()
        ]
        whole = sum(planned.stage_seconds.values())
        lines.append(f"{seconds(whole):>10}  a warm fit, modelled, not measured")
    if terms is not None:
        parameters = {k: v for k, v in {**given, **chosen}.items() if v is not None}
        said, told = foreseen(terms, (n, d), parameters)
        lines, facts = [*lines, *said], {**facts, "spending": told}
    Output(as_json, needed=True).result("\n".join(lines), facts)
    if memory_limit is not None and planned.host_bytes > memory_limit:
        planned.check(memory_limit)  # another machine may have room on its disk
    if terms is not None:
        checked(terms, (n, d), parameters)


def _terms(asked: dict[str, Any]) -> tuple[Terms | None, dict[str, Any]]:
    """Return what a run may cost, None where no price is given, and what else tells its time."""
    store = None if asked["store"] is None else store_of(asked)
    if (asked["price_per_hour"], machine_of(asked), asked["max_cost"]) == (None, None, None):
        for name in ("store", "schedule", "replicas", "prices"):
            if asked[name] is not None and not _by_variable(name):
                said = "has no effect without a price: --price-per-hour, or --machine"
                raise click.BadParameter(said, param_hint=f"--{name}")
        return None, {}
    return terms_of(asked, store), {"schedule": asked["schedule"]}


def _by_variable(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source == click.core.ParameterSource.ENVIRONMENT


def _model(
    as_json: bool, device: str, components: int | None, perplexity: float | None,
    n_neighbors: int | None, affinity_dtype: str | None, **_: Any,
) -> None:  # fmt: skip
    """Print the model of an iteration, launch by launch, and of fits beside what is wanted."""
    from gputsne.planning import roofline, stages
    from gputsne.planning.costs import MACHINES, Case

    gpu, k = MACHINES[device], n_neighbors or int(min(3 * (perplexity or 30), max(roofline.SIZES)))
    c, half = components or 2, affinity_dtype == "float16"
    models = [roofline.model(Case(n, min(k, n - 1), c, half=half), gpu) for n in roofline.SIZES]
    fits = [
        {**goal._asdict(), "modelled": stages.fit_seconds(goal.n, goal.d, gpu, pca=goal.pca)}
        for goal in stages.FIT_GOALS
    ]
    Output(as_json, needed=True).result(
        f"{roofline.table(models, gpu)}\n\n{stages.table(gpu)}",
        {"device": gpu.name, "models": models, "fits": fits},
    )


def amount(size: float) -> str:
    """Return bytes for reading: ``12.3 MB``, of a thousand kB."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
