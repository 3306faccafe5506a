"""``python -m bench CASE``: runs a case, lists cases and peers, makes the page and the table."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# What is measured is the package that is installed (or the one that PYTHONPATH names): the clone's
# root, which "-m" puts first, would put its sources in its place, which may never have been
# compiled. ``bench`` is found by its own folder.
if not sys.flags.safe_path and Path(sys.path[0] or ".").resolve() == HERE.parent:
    del sys.path[0]

from bench.cases import CASES, COMPARISONS  # noqa: E402

USAGE = """python -m bench CASE [OPTIONS]     one case; CASE --help has its options
python -m bench all [OPTIONS]      {all}, one after the other
python -m bench peers              who can run here, and why not
python -m bench report             one page of all results
python -m bench table [--write]    the README's figures

--quick takes few points and writes only where --results says; --minutes M ends in time.
"""


def usage() -> str:
    """Return the help, with every case."""
    lines = [f"  {name:<15}{case.question} ({case.minutes} min)" for name, case in CASES.items()]
    return USAGE.format(all=", ".join(COMPARISONS)) + "\ncases:\n" + "\n".join(lines)


def case(name: str, argv: list[str]) -> int:
    """Run one case."""
    found = CASES[name]
    if found.script:
        script = [sys.executable, str(HERE / f"{found.script}.py"), *argv]
        return subprocess.run(script, check=False).returncode
    more: dict[str, Any] = {} if found.rows is None else {"rows": found.rows}
    import_module(f"bench.cases.{found.module}").main(name, argv, **more)
    return 0


def all_of_them(argv: list[str]) -> int:
    """Run the comparisons by turns; ``--minutes`` is for all, each has what is left of it."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--minutes", type=float)
    own, rest = parser.parse_known_args(argv)
    ends = None if own.minutes is None else time.monotonic() + 60 * own.minutes
    status = 0
    for i, name in enumerate(COMPARISONS):
        told = list(rest)
        if ends is not None:
            left = (ends - time.monotonic()) / 60
            if left <= 0:
                print(f"{', '.join(COMPARISONS[i:])}: no time left")
                break
            told += ["--minutes", f"{left:.3f}"]
        # in a process each, so that none is measured beside the memory of another
        command = [sys.executable, "-m", "bench", name, *told]
        done = subprocess.run(command, cwd=HERE.parent, check=False).returncode
        status = status or done
        if done == 130:  # interrupted
            break
    return status


def peers() -> int:
    """Print who can run here."""
    from bench.common import options
    from bench.peers import PEERS
    from bench.processes import JobFailed, jobs

    asked = options("Peers.").parse_args([])
    asked.limit = 300
    with jobs(asked) as run:
        for name, peer in PEERS.items():
            try:
                found = run("probe", peer=name)
                told = found.get("left_out") or f"{found['version']}  {peer.note}"
            except JobFailed as failed:
                told = f"can't be imported: {failed}"
            print(f"{name:<12}{told}", flush=True)
    return 0


def main(argv: list[str]) -> int:
    """Do what the first word says."""
    word, rest = (argv[0], argv[1:]) if argv else ("--help", [])
    if word in CASES:
        return case(word, rest)
    if word == "all":
        return all_of_them(rest)
    if word == "peers":
        return peers()
    if word in ("report", "table"):
        import_module(f"bench.{word}").main(rest)
        return 0
    print(usage())
    if word in ("-h", "--help"):
        return 0
    print(f"\nno case is called {word!r}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
