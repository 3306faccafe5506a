"""A tile set in headless Chromium, from a plain web server: points, zoom, sizes, hostile texts."""

from __future__ import annotations

import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import numpy as np
import pytest

import gputsne

pytestmark = pytest.mark.browser
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
HOSTILE = "<script>alert(1)</script><img src='http://example.org/x.png' onerror='alert(2)'>"
PAINTED = "performance.getEntriesByName('gputsne-first-paint').length"
STATS = """() => {
  const told = {};
  document.getElementById("gputsne-map").dispatchEvent(
    new CustomEvent("gputsne-stats", { detail: told }));
  return told;
}"""
N = 60_000
LIMIT = 1_000_000  # bytes of any answer


def until(page, holds):
    """Wait for what the page's content policy forbids to ask for by text that it evaluates."""
    for _ in range(600):
        if holds():
            return
        page.wait_for_timeout(50)
    raise AssertionError(page.evaluate(STATS))


class Host(SimpleHTTPRequestHandler):
    """A plain web server that notes the bytes of its answers by path, and statuses."""

    answers: ClassVar[dict[str, int]] = {}
    statuses: ClassVar[set[int]] = set()

    def log_message(self, *args):
        pass

    def log_request(self, code="-", size="-"):
        self.statuses.add(int(code))

    def copyfile(self, source, outputfile):
        data = source.read()
        self.answers[self.path] = len(data)
        outputfile.write(data)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Tile sets behind a plain web server: points, counts, and one that is replaced."""
    root = tmp_path_factory.mktemp("served")
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 3, N)
    Y = rng.normal(size=(N, 2)) + 12.0 * np.stack([kinds == 1, kinds == 2], axis=1)
    names = np.array(["ant", "bee", HOSTILE])[kinds]
    gputsne.tiles(Y, root / "points", labels=names, columns={HOSTILE: rng.normal(size=N)},
                  title=HOSTILE)  # fmt: skip
    gputsne.tiles(Y, root / "counts", labels=names, min_cell=5)
    for n in (100, N):  # the second one's tiles lie in a folder of another name
        gputsne.tiles(Y[:n], root / "again")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Host, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def look(chromium, served):
    """Return what opens a set; every answer is small, nothing complains, nobody else is asked."""
    context = chromium.new_context(viewport={"width": 1000, "height": 700})
    said: list[str] = []
    asked: list[str] = []
    Host.answers.clear()
    Host.statuses.clear()

    def opened(name: str):
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{served}/{name}/index.html")
        until(page, lambda: page.evaluate(PAINTED) and page.evaluate(STATS)["drawn"] > 0)
        return page

    yield opened
    context.close()
    assert said == []
    assert all(url.startswith(served) for url in asked)
    assert Host.statuses <= {200, 304}
    assert 0 < max(Host.answers.values()) < LIMIT


def test_zooming_loads_what_is_in_view(look):
    page = look("points")
    first = page.evaluate(STATS)
    assert 5_000 < first["points"] <= N
    box = page.locator(".gts-map").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.6)
    for _ in range(6):
        page.mouse.wheel(0, -400)
    until(page, lambda: page.evaluate(STATS)["points"] > first["points"])
    until(page, lambda: page.evaluate(STATS)["settled"])
    assert page.evaluate(STATS)["tiles"] > first["tiles"]
    tiles = {path: size for path, size in Host.answers.items() if path.endswith(".bin")}
    assert len(tiles) >= page.evaluate(STATS)["tiles"]
    assert max(tiles.values()) < 100_000


def test_hostile_texts_are_text(look):
    page = look("points")
    assert page.title() == HOSTILE
    assert HOSTILE in page.inner_text("body")
    assert page.locator("img").count() == 0


def test_counts_are_shown(look):
    page = look("counts")
    assert page.evaluate(STATS)["drawn"] > 0


def test_a_set_that_was_replaced_is_shown(look):
    page = look("again")
    assert page.evaluate(STATS)["points"] > 5_000
    assert any("/tiles-1/0/0/0.bin" in url for url in Host.answers)
