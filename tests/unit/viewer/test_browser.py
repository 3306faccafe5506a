"""The viewer in headless Chromium without a network: what is drawn, found, selected and told."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from gputsne.viewer import Column, contents, page
from gputsne.viewer.contents import numbers, read

pytestmark = pytest.mark.browser
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
HOSTILE = "<script>alert(1)</script><img src='http://example.org/x.png' onerror='alert(2)'>"
SIDE = 12  # a lattice of SIDE by SIDE points: everyone's place is known
STATS = """() => {
  const told = {};
  document.getElementById("gputsne-map").dispatchEvent(
    new CustomEvent("gputsne-stats", { detail: told }));
  return told;
}"""
COLOURS = """() => {
  const canvas = document.querySelector(".gts-canvas"), copy = document.createElement("canvas");
  Object.assign(copy, { width: canvas.width, height: canvas.height });
  const context = copy.getContext("2d");
  context.drawImage(canvas, 0, 0);
  const found = {};
  new Uint32Array(context.getImageData(0, 0, copy.width, copy.height).data.buffer).forEach(
    (p) => { const hex = (p & 255).toString(16).padStart(2, "0") + (p >> 8 & 255).toString(16)
      .padStart(2, "0") + (p >> 16 & 255).toString(16).padStart(2, "0");
      found[hex] = (found[hex] ?? 0) + 1; });
  return found;
}"""
STICK_OUT = """() => [...document.querySelectorAll("body *")].filter(
  e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".gts-hidden, svg")
).map(e => e.outerHTML.slice(0, 80))"""


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


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    path = tmp_path_factory.mktemp("viewer") / "map.html"
    path.write_text(page(*lattice_map()), encoding="utf-8")
    return path


class Reader:
    """A page that is open: what it said, and what it asked for."""

    def __init__(self, browser, path, *, size=(1280, 800), scheme="light"):
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, offline=True
        )
        self.page = self.context.new_page()
        self.told: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.told.append(message.text))
        self.page.on("pageerror", lambda error: self.told.append(str(error)))
        self.page.on("dialog", lambda dialog: self.told.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_function("performance.getEntriesByName('gputsne-first-paint').length")

    def at(self, x, y):
        """Return the pixel of a place of the lattice: the whole map is in view."""
        box = self.page.locator(".gts-map").bounding_box()
        k = min(box["width"], box["height"]) / (SIDE - 1) / 1.08
        middle = (SIDE - 1) / 2
        return (
            box["x"] + box["width"] / 2 + (x - middle) * k,
            box["y"] + box["height"] / 2 - (y - middle) * k,
        )


@pytest.fixture
def reader(chromium, html):
    found = Reader(chromium, html)
    yield found
    assert found.told == []
    assert found.asked == [html.as_uri()]
    found.context.close()


def test_every_point_is_drawn_in_its_label_s_colour(reader):
    colours = reader.page.evaluate(COLOURS)
    stats = reader.page.evaluate(STATS)
    assert (stats["points"], stats["drawn"]) == (SIDE**2, SIDE**2)
    # The middle of each disc: 0.9 of the colour on white paper, to one step of 255.
    for want in ((0xD0, 0, 0), (0, 0, 0xD0)):
        mixed = [0.9 * c + 0.1 * 255 for c in want]
        near = sum(
            n for hex_, n in colours.items()
            if all(abs(int(hex_[2 * i : 2 * i + 2], 16) - mixed[i]) <= 3 for i in range(3))
        )  # fmt: skip
        assert near > SIDE**2 / 2 * 20


def test_the_record_under_the_pointer_is_told_as_text(reader):
    reader.page.mouse.move(*reader.at(3, 4))
    card = reader.page.locator(".gts-card")
    card.wait_for(state="visible")
    said = card.inner_text()
    assert "left" in said
    assert f"{HOSTILE} note{4 * SIDE + 3:03d}." in said
    assert str(4 * SIDE + 3) in said
    assert card.locator("img, script").count() == 0
