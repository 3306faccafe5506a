"""A map begun as one of a sample beside a whole fit: neighbours kept, seconds by stage, memory.

Ways: the whole fit by both schedules, ``fit_large`` with its own refinement and with others, and
placing alone. Rows as in the cases mnist and million; each way is a process of its own.
"""

from __future__ import annotations

from typing import Any

from bench.common import data, keep, log, options, target
from bench.processes import jobs

WITHIN = 0.02  # neighbours kept less than by a whole fit, at most
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "whole": ("whole", {}),
    "whole short": ("whole", {"schedule": "short"}),
    "placed": ("sampled", {"refine": None}),
    "refined": ("sampled", {}),
    "refined 100": ("sampled", {"refine": 100}),
    "refined 200": ("sampled", {"refine": 200}),
    "refined 450": ("sampled", {"refine": 450}),
    "random sample": ("sampled", {"method": "random"}),
}
FEW = ("whole", "whole short", "placed", "refined")


def main(name: str, argv: list[str]) -> None:
    """Measure every way; the record is written after each."""
    parser = options(__doc__.splitlines()[0])
    parser.prog = f"python -m bench {name}"
    parser.add_argument("-n", type=int, help="rows [70,000; large_million: 1,000,000]")
    parser.add_argument("--ways", help=f"some of {', '.join(WAYS)}, with commas between [large: "
                        f"all; large_million: {', '.join(FEW)}]")  # fmt: skip
    asked = parser.parse_args(argv)
    million = name.endswith("million")
    n = asked.n or (600 if asked.quick else 1_000_000 if million else 70_000)
    ways = [way.strip() for way in (asked.ways or "").split(",") if way.strip()]
    ways = ways or list(FEW if million else WAYS)
    if unknown := [way for way in ways if way not in WAYS]:
        raise SystemExit(f"unknown ways: {', '.join(unknown)}; there are {', '.join(WAYS)}")
    X, y, told = data(asked)
    facts: dict[str, Any] = {"data": told, "n": n, "d": X.shape[1], "ways": {}}
    with jobs(asked) as run:
        for way in ways:
            kind, parameters = WAYS[way]
            if asked.quick:
                parameters = {**parameters, "max_iter": 300}
                parameters |= {"sample": 200} if kind == "sampled" else {}
            found = run("large", X=X, y=y, n=n, way=kind, parameters=parameters)
            facts["ways"][way] = found
            log(f"{way}: kept {found['kept']:.4f}, {found['seconds']['total']:.1f} s")
            done = facts["ways"]
            if {"whole", "refined"} <= done.keys():
                lost = done["whole"]["kept"] - done["refined"]["kept"]
                facts["targets"] = {"neighbours_lost": target(lost, WITHIN, most=True)}
            keep(name, asked, facts)
    for way, found in facts["ways"].items():
        seconds, peak = found["seconds"]["total"], found["peak_bytes"] / 1e9
        print(f"{way:16}kept {found['kept']:.4f}{seconds:9.1f} s{peak:7.2f} GB")
