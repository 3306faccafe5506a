"""The viewer in Chromium: first paint, frames per second of a dragged map, tiles of a million.

Chromium draws by software (SwiftShader), without a graphics card. A page of 70,000 and one of
300,000 points are opened from a file; the larger is dragged by the pointer, by the viewer's own
drawing and by software WebGL. A tile set is opened from a static server on this machine.
"""

from __future__ import annotations

import functools
import http.server
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import gputsne
from bench.common import finish, log, options, target

FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
SIZE = {"width": 1280, "height": 800}
SECONDS = 4.0  # of dragging
STATS = """() => {
  const told = {};
  document.getElementById("gputsne-map").dispatchEvent(
    new CustomEvent("gputsne-stats", { detail: told }));
  return told;
}"""
# When the first points are drawn, and the browser has painted them.
PAINTED = """() => Math.max(...performance.getEntriesByName("gputsne-first-paint").slice(0, 1)
  .concat(performance.getEntriesByName("first-contentful-paint")).map((e) => e.startTime))"""
BOTH = """() => performance.getEntriesByName("gputsne-first-paint").length > 0
  && performance.getEntriesByName("first-contentful-paint").length > 0"""


def main(name: str, argv: list[str]) -> None:
    parser = options(__doc__.splitlines()[0])
    asked = parser.parse_args(argv)
    few, many, tiled = (500, 1500, 5000) if asked.quick else (70_000, 300_000, 1_000_000)
    opened = 1 if asked.quick else 3
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        out = Path(folder)
        for n in (few, many):
            Y, labels, values = made(n)
            gputsne.plot(Y, labels, path=out / f"{n}.html", hover={"value": values})
        text = (out / f"{many}.html").read_text(encoding="utf-8")
        marked = text.replace('data-asked="auto"', 'data-asked="auto" data-renderer="webgl"')
        (out / "webgl.html").write_text(marked, encoding="utf-8")
        browser.new_page(viewport=SIZE).goto("about:blank")  # starting the browser isn't the page's
        facts: dict[str, Any] = {"browser": browser.version, "flags": FLAGS}
        facts["megabytes"] = {str(n): (out / f"{n}.html").stat().st_size / 1e6 for n in (few, many)}
        pages = [first_paint(browser, (out / f"{few}.html").as_uri()) for _ in range(opened)]
        facts["first_paint_ms"] = {str(few): pages}
        large = [first_paint(browser, (out / f"{many}.html").as_uri()) for _ in range(opened)]
        facts["first_paint_ms"][str(many)] = large
        log(f"first paint: {pages}, {large} ms")
        facts["dragged"] = {
            "own": dragged(browser, (out / f"{many}.html").as_uri()),
            "webgl by software": dragged(browser, (out / "webgl.html").as_uri()),
        }
        log(str(facts["dragged"]))
        facts["tiles"] = tiles(browser, out / "tiles", tiled, opened)
        log(str(facts["tiles"]))
    facts["targets"] = {
        "first_paint_ms_70000": target(median(pages), 1000.0, most=True),
        "frames_per_second_300000": target(
            facts["dragged"]["own"]["frames_per_second"], 30.0, most=False
        ),
        "first_paint_ms_tiles": target(median(facts["tiles"]["first_paint_ms"]), 2000.0, most=True),
        "largest_response_bytes": target(facts["tiles"]["largest_response"], 1e6, most=True),
    }
    finish("viewer", asked, facts)


def made(n: int) -> tuple[Any, Any, Any]:
    """Return a map of n points in ten clusters, with a label and a value of each."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 10, n)
    centres, widths = rng.normal(size=(10, 2)) * 30, rng.uniform(2, 9, 10)
    Y = centres[kind] + rng.normal(size=(n, 2)) * widths[kind, None]
    return Y.astype(np.float32), np.char.add("class ", kind.astype(str)), rng.normal(size=n)


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a headless browser that draws by software."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def opened_page(browser: Any, address: str) -> Any:
    """Open a page and wait until its first points are drawn."""
    page = browser.new_page(viewport=SIZE)
    page.goto(address)
    end = time.monotonic() + 30
    while not page.evaluate(BOTH):
        assert time.monotonic() < end, f"{address} drew nothing in 30 s"
        time.sleep(0.02)
    return page


def first_paint(browser: Any, address: str) -> float:
    """Return the milliseconds from the start of loading to the first points."""
    page = opened_page(browser, address)
    found = float(page.evaluate(PAINTED))
    page.close()
    return round(found, 1)


def dragged(browser: Any, address: str) -> dict[str, Any]:
    """Drag a map in circles by the pointer, and count the frames that it drew meanwhile."""
    page = opened_page(browser, address)
    time.sleep(1.0)  # at rest
    page.mouse.move(500, 400)
    page.mouse.down()
    before, begin, step = page.evaluate(STATS)["frames"], time.monotonic(), 0
    drawn = []
    while time.monotonic() - begin < SECONDS:
        step += 1
        page.mouse.move(500 + 120 * np.sin(step / 25), 400 + 80 * np.cos(step / 25))
        if step % 25 == 0:
            drawn.append(page.evaluate(STATS)["drawn"])
    seconds = time.monotonic() - begin
    stats = page.evaluate(STATS)
    page.mouse.up()
    page.close()
    return {
        "renderer": stats["renderer"], "points": stats["points"], "seconds": round(seconds, 2),
        "frames_per_second": round((stats["frames"] - before) / seconds, 1),
        "points_drawn_while_moving": int(median(drawn)) if drawn else stats["drawn"],
    }  # fmt: skip


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A static server that logs nothing."""

    def log_message(self, *args: Any) -> None:
        pass


def tiles(browser: Any, folder: Path, n: int, opened: int) -> dict[str, Any]:
    """Build tiles of n points, open them, zoom in; return times, requests and sizes."""
    Y, labels, values = made(n)
    begin = time.perf_counter()
    gputsne.tiles(Y, folder, labels=labels, columns={"value": values})
    built = time.perf_counter() - begin
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    paints = [first_paint(browser, address) for _ in range(opened)]
    page = browser.new_page(viewport=SIZE)
    sizes: dict[str, int] = {}
    page.on("response", lambda answer: sizes.update({answer.url: len(answer.body())}))
    page.goto(address)
    page.wait_for_timeout(1500)
    at_first = len(sizes)
    page.mouse.move(500, 400)
    for _ in range(4):
        page.mouse.wheel(0, -300)
        page.wait_for_timeout(400)
    stats = page.evaluate(STATS)
    page.close()
    server.shutdown()
    server.server_close()
    return {
        "points": n, "build_seconds": round(built, 1), "first_paint_ms": paints,
        "requests_at_first": at_first, "requests_zoomed": len(sizes),
        "largest_response": max(sizes.values()), "points_held": stats["points"],
    }  # fmt: skip
