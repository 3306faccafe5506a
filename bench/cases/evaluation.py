"""Every quality metric of a map of a million rows: time and memory of one call of ``evaluate``.

Rows as in the case million; the map is their first two principal components, since what a map
looks like costs nothing. Labels go with the rows.
"""

from __future__ import annotations

from bench.common import data, finish, log, options, target
from bench.processes import jobs


def main(name: str, argv: list[str]) -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, help="points [1,000,000]")
    asked = parser.parse_args(argv)
    n = asked.n or (2000 if asked.quick else 1_000_000)
    X, y, told = data(asked)
    log(f"{told}, grown to {n:,}; {asked.threads} threads")
    with jobs(asked) as run:
        facts = run("evaluate", X=X, y=y, n=n)
    facts = {"data": told, "n": n, "d": X.shape[1], **facts}
    facts["targets"] = {"seconds": target(facts["seconds"]["total"], 60.0, most=True)}
    finish("evaluation", asked, facts)
