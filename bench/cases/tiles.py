"""Tiles of a map in parquet, 10^6 and 10^7 points: time, memory, sizes, first paint in a browser.

The map is made up: 20 clouds, a label and a number per point. It is read, cut and written within
the time; the first paint is that of Chromium, headless, drawing by software, from a local server.
"""

from __future__ import annotations

from typing import Any

from bench.common import finish, log, options, target
from bench.processes import jobs

SIZES = (1_000_000, 10_000_000)
SECONDS = 120.0  # for the largest, on two cores
TILE, FILE = 1e5, 1e6  # bytes of a tile, and of any answer to a browser
PAINT = 2.0  # seconds until a map of a million points is seen


def main(name: str, argv: list[str]) -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, action="append", help="points [1,000,000 and 10,000,000]")
    asked = parser.parse_args(argv)
    found: dict[str, Any] = {}
    with jobs(asked) as run:
        for n in asked.n or ((20_000,) if asked.quick else SIZES):
            log(f"{n:,} points; {asked.threads} threads")
            found[f"{n}"] = run("tiles", n=n)
    largest, first = found[max(found, key=int)], found[min(found, key=int)]
    tile, file = (max(f[of] for f in found.values()) for of in ("largest_tile", "largest_file"))
    targets = {
        "seconds": target(largest["seconds"]["total"], SECONDS, most=True),
        "largest_tile_bytes": target(tile, TILE, most=True),
        "largest_file_bytes": target(file, FILE, most=True),
    }
    if first["first_paint_seconds"] is not None:
        targets["first_paint_seconds"] = target(first["first_paint_seconds"], PAINT, most=True)
    finish("tiles", asked, {"sizes": found, "targets": targets})
