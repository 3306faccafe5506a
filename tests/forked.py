"""A process with gputsne imported that runs commands in forks of itself, and kills them on request.

Run by path: reads requests as lines of JSON, answers each with how its fork ended. A fork starts in
a hundredth of the time that importing takes, so that drills may end many runs.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import resource
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

IMPORTED = (
    "faiss", "pyarrow.parquet", "scipy.fft", "sklearn.neighbors", "matplotlib.figure",
    "gputsne.cli", "gputsne.estimator", "gputsne.plotting.static", "gputsne.runs.keeping",
    "gputsne.telemetry.monitor",
)  # fmt: skip
# Events of Python's audit that change or open files; what is told of is about to happen.
FILES = ("open", "os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.truncate")


def count_files(folder: str, kill_at: int | None, told: str | None) -> None:
    """Kill this process by SIGKILL before the n-th event on files of a folder; or list events."""
    seen: list[str] = []

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event not in FILES or not args or not isinstance(args[0], str | bytes | os.PathLike):
            return
        path = os.fsdecode(args[0]).removeprefix(f"{folder}/")  # the working directory
        if path.startswith("/"):
            return
        if len(seen) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        seen.append(f"{event} {path}")
        if told is not None:
            os.write(log, f"{seen[-1]}\n".encode())

    log = -1 if told is None else os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    sys.addaudithook(hook)


def drop_capabilities() -> None:
    """Be an ordinary user, root too: permissions of files count from here on; capset(2)."""
    version_3 = 0x20080522
    header, none = (ctypes.c_uint32 * 2)(version_3, 0), (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capset(header, none):
        raise OSError(ctypes.get_errno(), "capset")


def prepare(asked: dict[str, Any]) -> None:
    """Put in place what is to happen to the fork."""
    os.chdir(asked["folder"])
    for stream, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(asked[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), stream)
    if (most := asked.get("file_bytes")) is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        if asked.get("torn"):  # the process ends in the middle of the write, as by a power cut
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    if (more := asked.get("more_bytes")) is not None:  # memory beside what is there already
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + more, held + more))
    if asked.get("plain"):
        drop_capabilities()
    if (after := asked.get("kill_after")) is not None:
        killer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGKILL))
        killer.daemon = True
        killer.start()
    if asked.get("kill_at") is not None or asked.get("events") is not None:
        count_files(asked["folder"], asked.get("kill_at"), asked.get("events"))


def run(asked: dict[str, Any]) -> int:
    """Do what a request says, as the process of its own that a fork is; return its exit code."""
    try:
        prepare(asked)
        if (code := asked.get("code")) is not None:
            exec(compile(code, "<drill>", "exec"), {"__name__": "__drill__"})
            return 0
        from gputsne.cli import main

        main(asked["line"], prog_name="gputsne")
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
        return 70
    return 0


def begin(asked: dict[str, Any]) -> int:
    """Run a fork; return its process."""
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            code = run(asked)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return pid


def end(pid: int) -> dict[str, Any]:
    """Wait for a fork; return how it ended."""
    _, status, used = os.wait4(pid, 0)
    return {"code": os.waitstatus_to_exitcode(status), "peak_bytes": used.ru_maxrss * 1024}


def serve() -> None:
    """Answer requests until there are no more; those of a line run beside each other."""
    for name in IMPORTED:
        importlib.import_module(name)
    print("ready", flush=True)
    for line in sys.stdin:
        running = [begin(asked) for asked in json.loads(line)]
        print(json.dumps([end(pid) for pid in running]), flush=True)


if __name__ == "__main__":
    serve()
