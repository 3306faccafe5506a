"""A headless Chromium for tests of the viewer: how it is started, asked and waited for."""

from __future__ import annotations

import http.server
import shutil
import time
from contextlib import contextmanager

import numpy as np

from gputsne.viewer import Column, contents
from gputsne.viewer.contents import numbers, read

FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
HOSTILE = "<script>alert(1)</script><img src='http://example.org/x.png' onerror='alert(2)'>"
SIDE = 12  # a lattice of SIDE by SIDE points: everyone's place is known
# What the viewer says of itself: points, tiles, frames.
STATS = """() => {
  const told = {};
  document.getElementById("gputsne-map").dispatchEvent(
    new CustomEvent("gputsne-stats", { detail: told }));
  return told;
}"""


@contextmanager
def started():
    """Yield a browser that draws by software."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def until(true, seconds=15.0):
    """Wait for something; the page's policy forbids playwright's own waiting for an expression."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.03)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A static server that logs nothing."""

    def log_message(self, *args):
        pass


def lattice_map():
    """A lattice of points: labels a and b by halves, a value, hostile texts."""
    x, y = (a.ravel() for a in np.meshgrid(np.arange(SIDE), np.arange(SIDE)))
    Y = np.stack([x, y], axis=1).astype(np.float32)
    half = (x >= SIDE // 2).astype(np.uint8)
    columns = [
        Column("kind", "category", half, ("left", HOSTILE), ("#d00000", "#0000d0"), chosen=True),
        numbers("height", y.astype(float), colours=("#000000", "#00ff00"), chosen=True),
        read("note", [f"{HOSTILE} note{i:03d}." for i in range(len(Y))], len(Y)),
    ]
    return contents(
        Y, columns, title=HOSTILE, caption=HOSTILE, alt="A lattice.", opacity=0.9, point_size=9
    )
