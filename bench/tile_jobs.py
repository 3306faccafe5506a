"""Jobs of the case tiles: building tile sets of made-up maps, and their first paint in Chromium."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from bench.clock import peak_bytes

CLOUDS = 20  # of points, which are labels, too
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
READY = "() => performance.getEntriesByName('gputsne-first-paint').length"
PAINT = "() => performance.getEntriesByName('gputsne-first-paint')[0].startTime / 1000"
PAINTS = 5  # the median of so many counts


def tiles(call: dict[str, Any]) -> dict[str, Any]:
    """Build the tiles of a map in parquet with a label and a number per point, and look at them."""
    import pyarrow as pa
    from pyarrow import parquet

    import gputsne

    n = call["n"]
    folder = Path(tempfile.mkdtemp(prefix="gputsne-bench-"))
    try:
        rng = np.random.default_rng(0)
        kinds = rng.integers(0, CLOUDS, n)
        middles, widths = rng.normal(size=(CLOUDS, 2)) * 40, rng.uniform(1, 6, CLOUDS)
        Y = (middles[kinds] + rng.normal(size=(n, 2)) * widths[kinds, None]).astype(np.float32)
        value = rng.normal(size=n).astype(np.float32)
        table = pa.table({"x": Y[:, 0], "y": Y[:, 1], "kind": kinds, "value": value})
        parquet.write_table(table, folder / "map.parquet")
        del kinds, Y, value, table
        gputsne.tiles(np.eye(2), folder / "warm")  # libraries load at first use
        before = peak_bytes()
        began, spent = time.perf_counter(), time.process_time()
        made = gputsne.tiles(
            folder / "map.parquet", folder / "tiles", labels="kind", columns=["value"]
        )
        seconds = time.perf_counter() - began
        sizes = {p: p.stat().st_size for p in (folder / "tiles").rglob("*") if p.is_file()}
        return {
            "n": n, "seconds": {"total": seconds}, "processor_seconds": time.process_time() - spent,
            "tiles": made.tiles, "levels": made.levels, "bytes": made.bytes,
            "largest_file": max(sizes.values()),
            "largest_tile": max(size for p, size in sizes.items() if p.suffix == ".bin"),
            "tileset_bytes": sizes[folder / "tiles" / "tileset.json"],
            "peak_bytes": peak_bytes(), "peak_bytes_before": before,
            "first_paint_seconds": _first_paint(folder / "tiles"),
        }  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


def _first_paint(folder: Path) -> float | None:
    """Return seconds from opening the page to all tiles in view drawn; None without Chromium."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if chromium is None:
        return None
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    took = []
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=chromium, args=FLAGS)
            for _ in range(PAINTS):
                context = browser.new_context(viewport={"width": 1280, "height": 800})
                page = context.new_page()
                page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
                while not page.evaluate(READY):
                    page.wait_for_timeout(20)
                took.append(page.evaluate(PAINT))
                context.close()
            browser.close()
    finally:
        server.shutdown()
        server.server_close()
    return float(np.median(took))
