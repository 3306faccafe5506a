"""A machine that a test makes up: its control groups and what it tells of memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from gputsne.base import cgroups


class Machine:
    """The files of /proc and /sys below a folder that the module reads in place of the root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.memberships: list[str] = []
        self.mounts: list[str] = []

    def write(self, path: str, **files: str) -> None:
        folder = self.root / path
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text)

    def v2(self, path: str, top: str = "/") -> None:
        self._add(f"0::{path}", f"{top} /sys/fs/cgroup", "cgroup2 cgroup2 rw")

    def v1(self, names: str, path: str, top: str = "/") -> None:
        place = f"/sys/fs/cgroup/{names}"
        self._add(f"4:{names}:{path}", f"{top} {place}", f"cgroup cgroup rw,{names}")

    def _add(self, membership: str, mount: str, kind: str) -> None:
        self.memberships.append(membership)
        self.mounts.append(f"33 24 0:28 {mount} rw,nosuid shared:9 - {kind}")
        self.write(
            "proc/self",
            cgroup="\n".join(self.memberships) + "\n",
            mountinfo="1 0 0:1 / / rw - ext4 /dev/sda rw\n" + "\n".join(self.mounts) + "\n",
        )


@pytest.fixture
def machine(tmp_path: Path, monkeypatch) -> Machine:
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    return Machine(tmp_path)
