"""A kernel of Jupyter for the tests of the widget, and what it said."""

from __future__ import annotations

import os

os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")  # before jupyter_core: else it warns

from dataclasses import dataclass, field
from queue import Empty
from typing import Any

import pytest

SECONDS = 60  # that a cell may take before a test fails


@dataclass
class Cell:
    """What came of one cell: text on its streams, what it displayed, messages of its widgets."""

    streams: dict[str, str] = field(default_factory=lambda: {"stdout": "", "stderr": ""})
    shown: list[dict[str, Any]] = field(default_factory=list)
    comms: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None


class Kernel:
    """A kernel that runs cells as a notebook does, and gets what a front end sends."""

    def __init__(self, folder: Any) -> None:
        from jupyter_client.manager import KernelManager

        env = {**os.environ, "IPYTHONDIR": str(folder), "JUPYTER_PLATFORM_DIRS": "1"}
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(env=env, cwd=str(folder))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()

    def run(self, code: str, *, on_display: Any = None) -> Cell:
        """Run a cell and return what came of it; call ``on_display`` when it shows something."""
        return self._heard(self.client.execute(code), on_display)

    def send(self, comm_id: str, state: dict[str, Any]) -> Cell:
        """Send what a front end sends when a user changed a trait."""
        data = {"method": "update", "state": state, "buffer_paths": []}
        message = self.client.session.msg("comm_msg", {"comm_id": comm_id, "data": data})
        self.client.shell_channel.send(message)
        return self._heard(message["header"]["msg_id"], None)

    def _heard(self, asked: str, on_display: Any) -> Cell:
        cell = Cell()
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=SECONDS)
            except Empty:
                raise AssertionError(f"the kernel said nothing for {SECONDS} s") from None
            if message["parent_header"].get("msg_id") != asked:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                cell.streams[content["name"]] += content["text"]
            elif kind in ("display_data", "execute_result"):
                cell.shown.append(content["data"])
                if on_display is not None:
                    on_display()
            elif kind in ("comm_open", "comm_msg"):
                sizes = [len(part) for part in message["buffers"]]
                cell.comms.append({**content, "kind": kind, "sizes": sizes})
            elif kind == "error":
                cell.error = "\n".join(content["traceback"])
            elif kind == "status" and content["execution_state"] == "idle":
                return cell


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    made = Kernel(tmp_path_factory.mktemp("kernel"))
    yield made
    made.close()
