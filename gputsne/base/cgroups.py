"""Control groups: what they leave this process of cores, tasks and memory, versions 1 and 2.

Every group on the process's path counts, up to the root of the mount.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from gputsne.base import forks

__all__ = ["ROOT", "UNLIMITED", "cpu_quota", "lines", "memory_left", "tasks_left"]

UNLIMITED = 1 << 60  # version 1 writes a number near 2**63 for no limit
ROOT = Path("/")


@lru_cache(maxsize=8)
def _groups(controller: str, root: Path) -> list[tuple[int, Path]]:
    """Return (version, folder) of the control groups that bind this process, parents included.

    Inside a container the path of the membership begins with that of the mount, which is not below
    the folder; a path of another namespace leaves the mount's own group.
    """
    try:
        memberships = (root / "proc/self/cgroup").read_text("utf-8", "replace").splitlines()
        mounts = (root / "proc/self/mountinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    paths: dict[int, str] = {}
    for line in memberships:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            paths[2] = path
        elif controller in controllers.split(","):
            paths[1] = path
    found = []
    for line in mounts:
        place, _, kind = line.partition(" - ")
        fields, (system, *_, options) = place.split(), [*kind.split(), "", ""][:3]
        version = {"cgroup2": 2, "cgroup": 1}.get(system)
        if version not in paths or len(fields) < 5:
            continue
        if version == 1 and controller not in options.split(","):
            continue
        top, mount = fields[3].rstrip("/"), root / fields[4].lstrip("/")
        path = paths[version]
        inside = path.startswith(top + "/") and ".." not in path.split("/")
        group = mount / path[len(top) :].lstrip("/") if inside else mount
        found += [
            (version, folder)
            for folder in (group, *group.parents)
            if folder == mount or mount in folder.parents
        ]
    return found


def _numbers(file: Path) -> list[int | None]:
    """Return the words of a control group's file as numbers, None for "max"; empty without it."""
    try:
        return [int(word) if word != "max" else None for word in file.read_text("ascii").split()]
    except (OSError, ValueError):
        return []


def _number(file: Path) -> int | None:
    return next(iter(_numbers(file)), None)


def cpu_quota() -> float | None:
    """Return the tightest CPU quota, in cores; None for none."""
    quotas = []
    for version, folder in _groups("cpu", ROOT):
        if version == 2:
            quota, period, *_ = [*_numbers(folder / "cpu.max"), None, None]
        else:
            quota, period = (_number(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        if quota is not None and period is not None and quota > 0 and period > 0:
            quotas.append(quota / period)
    return min(quotas, default=None)


def tasks_left() -> int | None:
    """Return how many threads the control groups still allow; None for any number."""
    left = []
    for _, folder in _groups("pids", ROOT):
        most, now = _number(folder / "pids.max"), _number(folder / "pids.current")
        if most is not None and now is not None:
            left.append(max(0, most - now))
    return min(left, default=None)


def memory_left() -> Iterator[int]:
    """Yield the bytes that each control group leaves; its file cache counts as free."""
    for version, folder in _groups("memory", ROOT):
        caps, used = {
            1: (["memory.limit_in_bytes"], "memory.usage_in_bytes"),
            2: (["memory.max", "memory.high"], "memory.current"),
        }[version]
        for cap in (_number(folder / name) for name in caps):
            taken = _number(folder / used)
            if cap is not None and taken is not None and cap < UNLIMITED:
                yield cap - taken + _file_cache(folder)


def _file_cache(group: Path) -> int:
    """Return the bytes of files that were read and lie in the cache: they count as taken."""
    found = dict(line.partition(" ")[::2] for line in lines(group / "memory.stat"))
    value = found.get("total_inactive_file") or found.get("inactive_file") or "0"
    return int(value)


def lines(file: Path) -> list[str]:
    """Return the lines of a file; none without it."""
    try:
        return file.read_text("ascii", "replace").splitlines()
    except OSError:
        return []


forks.in_child(_groups.cache_clear)
