"""readiness: evidence for checklists before production, of addresses, manifests and alerts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final

from gputsne.base.errors import BadInput
from gputsne.telemetry.doctor.finding import OK
from gputsne.telemetry.doctor.network import scrape_findings

__all__ = ["NEEDED_ALERTS", "published_by", "readiness"]

Evidence = dict[str, float | str]
# What has to alert somebody, by the source's own list AL1 to AL5: failing jobs, memory, the server,
# drift, and reproducibility.
NEEDED_ALERTS: Final = (
    "GputsneJobFailed", "GputsneOutOfMemory", "GputsneServiceDown", "GputsneDriftMap",
    "GputsneDriftData", "GputsneDriftColumns", "GputsneDriftGroup", "GputsneSeedsDisagree",
    "GputsneReplayDisagrees",
)  # fmt: skip
ALONE: Final = ("container", "script")  # keys of Argo's templates that hold one container
MANIFESTS: Final = "kubernetes"  # folder of what gputsne ops init writes
ALERTS: Final = "prometheus/alerts.yml"


def readiness(
    *, scrape: str | None = None, manifests: Sequence[str | PathLike[str]] = (),
    operations: str | PathLike[str] | None = None,
) -> Evidence:  # fmt: skip
    """Return evidence of what lies around a job: for ``gputsne.check(run, ..., more=readiness())``.

    Parameters
    ----------
    scrape : str or None
        Address of its metrics, which is scraped once.
    manifests : sequence of path
        Files of Kubernetes, or folders of them, whose containers must have requests and limits.
    operations : path or None
        Folder that ``gputsne ops init`` wrote: its alerts, and its manifests where none are named.

    Returns
    -------
    dict of str to float or str
        ``scrape_faults`` and ``scrape_fault``; ``limits_missing`` and ``limits_missing_names``;
        ``alerts_missing`` and ``alerts_missing_names``; each where it was asked for.

    Raises
    ------
    BadInput
        A file is missing or no YAML.
    DependencyMissing
        The extra ``ops`` isn't installed.
    """
    found: Evidence = {}
    if scrape is not None:
        wrong = [f.found for f in scrape_findings(scrape) if f.state != OK]
        found |= {"scrape_faults": float(len(wrong)), "scrape_fault": "; ".join(wrong) or "none"}
    folder = None if operations is None else Path(operations)
    files = [Path(path) for path in manifests]
    if not files and folder is not None and (folder / MANIFESTS).is_dir():
        files = [folder / MANIFESTS]
    if files:
        found |= _counted("limits_missing", _without_limits(files))
    if folder is not None:
        found |= _counted("alerts_missing", _alerts_missing(folder))
    return found


def published_by(operations: str | PathLike[str]) -> list[Path]:
    """Return what of a folder of operating files is for people: the runbook and the dashboards.

    Parameters
    ----------
    operations : path
        That ``gputsne ops init`` wrote.

    Returns
    -------
    list of Path
        There or not.
    """
    from gputsne.telemetry.operations.grafana import DASHBOARDS

    folder = Path(operations)
    return [folder / "RUNBOOK.md", *(folder / "grafana" / f"{name}.json" for name in DASHBOARDS)]


def _counted(name: str, missing: Iterable[str]) -> Evidence:
    names = list(missing)
    return {name: float(len(names)), f"{name}_names": ", ".join(names) or "none"}


def _without_limits(paths: Sequence[Path]) -> Iterator[str]:
    """Yield containers that lack a request or a limit, and files that have no container."""
    from gputsne.telemetry.operations.kubernetes import manifest_files
    from gputsne.telemetry.operations.kubernetes.amounts import amounts_lacking, amounts_wrong

    seen = 0
    for file in (file for path in paths for file in manifest_files(path)):
        for owner, container in _containers(_documents(file), file.name):
            seen += 1
            if lacking := [*amounts_lacking(container), *amounts_wrong(container)]:
                yield f"{owner}/{container.get('name', '?')} ({', '.join(lacking)})"
    if not seen:
        yield f"{', '.join(map(str, paths))} (no container in it)"


def _containers(told: Any, owner: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the containers of manifests of any kind, with the name of the object each is in."""
    if isinstance(told, list):
        for part in told:
            yield from _containers(part, owner)
    if not isinstance(told, Mapping):
        return
    about = told.get("metadata")
    if "kind" in told and isinstance(about, Mapping):
        owner = str(about.get("name") or owner)
    for key, part in told.items():
        if key in ("containers", "initContainers") and isinstance(part, list):
            yield from ((owner, each) for each in part if isinstance(each, Mapping))
        elif key in ALONE and isinstance(part, Mapping):
            yield owner, part
        else:
            yield from _containers(part, owner)


def _alerts_missing(folder: Path) -> Iterator[str]:
    """Yield alerts that are needed and not in the folder's rules; the file where it is stale."""
    from gputsne.telemetry.operations import stale

    file = folder / ALERTS
    there: set[str] = set()
    if file.is_file():
        there = set(_named_alerts(_documents(file)))
    yield from (name for name in NEEDED_ALERTS if name not in there)
    if stale(folder).get(ALERTS) == "stale":
        yield f"{ALERTS} is stale"


def _named_alerts(told: Any) -> Iterator[str]:
    """Yield the names of alerts in rules of Prometheus."""
    if isinstance(told, list):
        for part in told:
            yield from _named_alerts(part)
    elif isinstance(told, Mapping):
        if "alert" in told:
            yield str(told["alert"])
        yield from _named_alerts(told.get("groups") or told.get("rules"))


def _documents(path: Path) -> list[Any]:
    """Return the documents of a file of YAML."""
    from gputsne.telemetry.operations.kubernetes import documents_of

    try:
        return documents_of(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error
    except ValueError as error:  # of UTF-8, too
        raise BadInput(f"{path} is no YAML: {error}") from error
