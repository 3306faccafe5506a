"""The same seed gives the same bytes: sha256 of the map by threads, and in a second process.

Every fit runs in a process of its own, so that nothing but data, parameters and seed is shared.
"""

from __future__ import annotations

from typing import Any

from bench.common import data, finish, log, options
from bench.peers import OURS
from bench.processes import jobs


def main(name: str, argv: list[str]) -> None:
    parser = options(__doc__.splitlines()[0])
    asked = parser.parse_args(argv)
    call: dict[str, Any] = {"perplexity": 30.0, "seed": 0}
    if asked.quick:
        call["iterations"] = 20
    X, _, told = data(asked)
    log(told)
    runs = []
    with jobs(asked) as run:
        for threads in (1, asked.threads, asked.threads):
            run.threads = threads
            done = run("fit", peer=OURS, X=X, **call)
            runs.append(
                {"threads": threads, "seconds": done["seconds"]["total"], "sha256": done["sha256"]}
            )
    equal = len({done["sha256"] for done in runs}) == 1
    facts = {"data": told, "n": len(X), **call, "runs": runs, "equal": equal}
    finish("determinism", asked, facts)
    if not equal:
        raise SystemExit("the maps differ")
