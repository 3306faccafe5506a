"""A report of 100,000 points: time, processor time and memory of the call, size of page and JSON.

Rows as in the case million; the map is a short fit of ours, outside the time. Records are the
labels and two made-up columns.
"""

from __future__ import annotations

from bench.common import data, finish, log, options, target
from bench.processes import jobs


def main(name: str, argv: list[str]) -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, help="points [100,000]")
    asked = parser.parse_args(argv)
    n = asked.n or (500 if asked.quick else 100_000)
    X, y, told = data(asked)
    log(f"{told}, grown to {n:,}; {asked.threads} threads")
    with jobs(asked) as run:
        facts = run("report", X=X, y=y, n=n)
    facts = {"data": told, "n": n, "d": X.shape[1], **facts}
    # Other work on the machine stretches the seconds; without it they are below these.
    facts["targets"] = {
        "processor_seconds": target(facts["processor_seconds"], 60.0, most=True),
        "seconds": target(facts["seconds"]["total"], 60.0, most=True),
        "page_megabytes": target(facts["page_bytes"] / 1e6, 6.0, most=True),
    }
    finish("reporting", asked, facts)
