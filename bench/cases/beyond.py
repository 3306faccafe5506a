"""Fits of rows that stay on disk: seconds and memory by stage, growth, and what 10^7 rows take.

Rows are MNIST's 50 components, copies shifted and jittered, in shards of 100,000. Each size is
given so little memory that the same is kept on disk as with 10^7 rows on a machine of 24 GB. What
10^7 rows take is extrapolated: seconds of each stage by the exponent of n that fits the sizes best,
bytes by a straight line.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.common import data, keep, log, options, target
from bench.processes import jobs

SIZES = (500_000, 1_000_000, 2_000_000)
QUICK_SIZES = (1500, 3000)
AT, MEMORY = 10_000_000, 23e9  # rows, and the bytes that a machine of 24 GB has free for them
WAYS: dict[str, dict[str, Any]] = {"perplexity": {}, "uniform": {"affinity": "uniform"}}


def main(name: str, argv: list[str]) -> None:
    """Measure every size, the smallest first; the record is written after each."""
    parser = options(__doc__.splitlines()[0])
    parser.prog = f"python -m bench {name}"
    parser.add_argument("--sizes", type=int, nargs="+", help=f"rows [{SIZES}]")
    parser.add_argument("--ways", default="perplexity,uniform", help="affinities [both]")
    asked = parser.parse_args(argv)
    ways = asked.ways.split(",")
    if unknown := [way for way in ways if way not in WAYS]:
        raise SystemExit(f"unknown ways: {', '.join(unknown)}; there are {', '.join(WAYS)}")
    X, _, told = data(asked)
    facts: dict[str, Any] = {"data": told, "ways": {way: {"sizes": []} for way in ways}}
    with jobs(asked) as run:
        for n in sorted(asked.sizes or (QUICK_SIZES if asked.quick else SIZES)):
            for way in ways:
                parameters = dict(WAYS[way])
                if asked.quick:
                    parameters |= {"max_iter": 60, "early_exaggeration_iter": 20}
                else:
                    parameters["memory_limit"] = limit_of(n, X.shape[1], way)
                found = run("beyond", X=X, n=n, parameters=parameters)
                log(f"{way}, {n:,} rows: {found['seconds']['total']:.1f} s, {found['way']}")
                facts["ways"][way]["sizes"].append(found)
                extrapolate(facts["ways"][way], way)
                keep(name, asked, facts)
    for way, found in facts["ways"].items():
        if "seconds_at" in found:
            print(
                f"{way:12}{AT:,} rows: {found['seconds_at']['total'] / 3600:.2f} h "
                f"(n^{found['exponents']['total']:.2f}), {found['bytes_at'] / 1e9:.1f} GB "
                f"({found['bytes_per_row']:.0f} bytes per row), planned "
                f"{found['planned_at'] / 1e9:.1f} GB"
            )


def limit_of(n: int, d: int, affinity: str) -> int | None:
    """Return the most memory with which n rows are fitted as 10^7 are with theirs; None: any."""
    import gputsne

    def planned(rows: int, limit: float | None) -> Any:
        return gputsne.plan(rows, d, on_disk=True, affinity=affinity, memory_limit=limit)

    wanted, now = planned(AT, MEMORY).way, planned(n, None)
    if now.way == wanted:
        return None
    while now.way != wanted:
        limit = now.host_bytes - 1
        before, now = now, planned(n, limit)
        if now.way == before.way:
            raise SystemExit(f"{n:,} rows are too few to be fitted with {wanted}")
    return int(limit)


def extrapolate(way: dict[str, Any], affinity: str) -> None:
    """Enter exponents of n, and seconds and bytes of 10^7 rows."""
    import gputsne

    sizes = way["sizes"]
    n = np.array([size["n"] for size in sizes], dtype=float)
    planned = gputsne.plan(AT, sizes[0]["d"], on_disk=True, memory_limit=MEMORY, affinity=affinity)
    way["planned_at"], way["way_at"] = planned.host_bytes, str(planned.way)
    if len(sizes) < 2:
        return
    way["exponents"], way["seconds_at"] = {}, {}
    for stage in sizes[0]["seconds"]:
        seconds = np.array([size["seconds"][stage] for size in sizes])
        slope, constant = np.polyfit(np.log(n), np.log(np.maximum(seconds, 1e-3)), 1)
        way["exponents"][stage] = float(slope)
        way["seconds_at"][stage] = float(np.exp(constant) * AT**slope)
    stages = [stage for stage in way["seconds_at"] if stage != "total"]
    way["seconds_at"]["total"] = sum(way["seconds_at"][stage] for stage in stages)
    peaks = [max(size["anonymous_bytes"].values()) for size in sizes]
    slope, constant = np.polyfit(n, peaks, 1)
    way["bytes_per_row"], way["bytes_at"] = float(slope), float(constant + slope * AT)
    way["targets"] = {"bytes": target(way["bytes_at"], MEMORY, most=True)}
