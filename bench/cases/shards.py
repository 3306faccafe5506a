"""A transform in shards: memory of each and of the merge, rows per second, 10^6 and 10^7 rows.

Each shard is a process of the command line that reads its own rows of a folder of npy files, a
million rows each, of 50 columns; memory is flat where shards of the larger set hold no more.
"""

from __future__ import annotations

from typing import Any

from bench.common import data, finish, log, options, target
from bench.processes import jobs

PER_SHARD = 1_000_000
SIZES = (1_000_000, 10_000_000)
GROWTH = 1.05  # of a shard's memory from the smaller set to the larger, at most


def main(name: str, argv: list[str]) -> None:
    """Place both sets in shards of one length, and compare."""
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, action="append", help="rows [1,000,000 and 10,000,000]")
    parser.add_argument("--per-shard", type=int, help="rows of a shard [1,000,000]")
    asked = parser.parse_args(argv)
    per = asked.per_shard or (500 if asked.quick else PER_SHARD)
    X, _, told = data(asked)
    found: dict[str, Any] = {}
    with jobs(asked) as run:
        for n in asked.n or ((500, 1500) if asked.quick else SIZES):
            of = max(1, round(n / per))
            log(f"{n:,} rows in {of} shards; {asked.threads} threads")
            found[f"{n}"] = run("shards", X=X, n=n, of=of, d=X.shape[1], quick=asked.quick)
    first, last = (found[one(found, key=int)] for one in (min, max))
    growth = last["shard_peak_bytes"]["most"] / first["shard_peak_bytes"]["most"]
    targets = {"shard_memory_growth": target(growth, GROWTH, most=True)}
    finish("shards", asked, {"data": told, "sizes": found, "targets": targets})
