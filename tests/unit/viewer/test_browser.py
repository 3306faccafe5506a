"""The viewer in headless Chromium without a network: what is drawn, found, selected and told."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from browsing import HOSTILE, SIDE, STATS, lattice_map, started, until
from PIL import Image
from scipy import ndimage

from gputsne.viewer import page

pytestmark = pytest.mark.browser
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
# Violations of axe's rules of WCAG A and AA: what, how often, where first.
AXE = """async () => (await axe.run(document, {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
})).violations.map(v => [v.id, v.nodes.length, v.nodes[0].html, v.nodes[0].failureSummary])"""
FOCUSED = """() => {
  const e = document.activeElement;
  if (e === document.body) return null;
  return e.getAttribute("aria-label") ?? e.textContent.trim();
}"""
PAINTED = "performance.getEntriesByName('gputsne-first-paint').length"
DATA = Path(__file__).parent
STICK_OUT = """() => [...document.querySelectorAll("body *")].filter(
  e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".gts-hidden, svg")
).map(e => e.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def chromium():
    with started() as browser:
        yield browser


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
        until(lambda: self.page.evaluate(PAINTED))

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


def test_the_map_is_moved_by_drag_wheel_and_keys(reader):
    page = reader.page
    x, y = reader.at(3, 4)
    page.mouse.move(x + 20, y + 20)
    page.mouse.down()
    page.mouse.move(x + 80, y - 30, steps=4)
    page.mouse.up()
    page.mouse.move(x + 60, y - 50)  # the point moved with the pointer
    page.locator(".gts-card").wait_for(state="visible")
    assert f"note{4 * SIDE + 3:03d}." in page.locator(".gts-card").inner_text()
    page.mouse.wheel(0, -600)
    until(lambda: page.evaluate(STATS)["zoom"] > 1.5)
    page.locator(".gts-map").focus()
    page.keyboard.press("0")
    until(lambda: page.evaluate(STATS)["zoom"] == 1)
    page.keyboard.press("+")
    until(lambda: page.evaluate(STATS)["zoom"] > 1.3)
    for key in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "-"):
        page.keyboard.press(key)
    until(lambda: abs(page.evaluate(STATS)["zoom"] - 1) < 1e-9)
    until(lambda: page.get_by_role("status").inner_text().startswith(f"{SIDE**2} points in view"))


def test_the_point_at_the_centre_is_read_by_key_and_closed(reader):
    page = reader.page
    page.locator(".gts-map").focus()
    page.keyboard.press("Enter")
    card = page.locator(".gts-card.gts-pinned")
    card.wait_for(state="visible")
    until(lambda: "note" in page.get_by_role("status").inner_text())
    page.keyboard.press("Escape")
    card.wait_for(state="hidden")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Close").focus()
    page.keyboard.press("Escape")
    card.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.className") == "gts-map"


def test_labels_hide_and_show_their_points(reader):
    page = reader.page
    label = page.locator(".gts-label").first
    assert label.get_attribute("aria-pressed") == "true"
    label.click()
    assert label.get_attribute("aria-pressed") == "false"
    page.mouse.move(*reader.at(3, 4))  # a hidden point has no record
    page.wait_for_timeout(150)
    assert page.locator(".gts-card").is_hidden()
    assert not any(c.startswith("d") and c[2:] == "1a1a" for c in page.evaluate(COLOURS))
    page.locator(".gts-only").first.click()
    assert label.get_attribute("aria-pressed") == "true"
    assert page.locator(".gts-label").nth(1).get_attribute("aria-pressed") == "false"
    page.get_by_role("button", name="Show all").click()
    assert page.locator(".gts-label[aria-pressed=false]").count() == 0


def test_a_column_of_numbers_colours_by_a_bar_and_filters_by_a_range(reader):
    page = reader.page
    page.get_by_label("Colour by").select_option(label="height")
    assert page.locator(".gts-ends").inner_text().split() == ["0", "11"]
    page.mouse.move(*reader.at(3, 11))
    page.locator(".gts-card").wait_for(state="visible")
    assert page.locator(".gts-card .gts-head").inner_text() == "height: 11"
    swatch = page.locator(".gts-card .gts-swatch").evaluate("e => e.style.backgroundColor")
    assert swatch == "rgb(0, 255, 0)"
    least = page.get_by_label("Least value shown")
    least.focus()
    for _ in range(5):
        page.keyboard.press("PageUp")
    value = 11 * int(least.input_value()) / 1000
    page.locator(".gts-map").focus()
    page.keyboard.press("+")
    page.keyboard.press("-")
    want = SIDE * int((np.arange(SIDE) >= value).sum())
    until(lambda: page.get_by_role("status").inner_text().startswith(f"{want} points in view"))


def test_search_finds_texts_labels_and_ids(reader):
    page = reader.page
    query = page.get_by_label("Search the records")
    said = page.locator(".gts-panel section:nth-of-type(2) .gts-note").first
    for text, n in (("NOTE03", 10), ("left", SIDE**2 // 2), ("143", 1), ("nothing like it", 0)):
        query.fill(text)
        word = "Nothing found." if n == 0 else f"{n} point{'s' * (n > 1)} found"
        until(lambda: said.inner_text().startswith(word))  # noqa: B023
        assert page.locator(".gts-hit").count() == min(n, 50)
    query.fill("note007")
    hit = page.locator(".gts-hit")
    until(lambda: hit.count() == 1)
    hit.click()
    page.locator(".gts-card.gts-pinned").wait_for(state="visible")
    assert "note007." in page.locator(".gts-card").inner_text()
    assert page.evaluate(STATS)["zoom"] > 3


def test_a_lasso_selects_and_downloads_ids(reader):
    page = reader.page
    page.get_by_role("button", name="Select by lasso").click()
    corners = [(-0.4, -0.4), (2.5, -0.4), (2.5, 1.5), (-0.4, 1.5)]
    page.mouse.move(*reader.at(*corners[0]))
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*reader.at(*corner), steps=3)
    page.mouse.up()
    page.get_by_text("6 points selected.").first.wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download ids").click()
    said = waiting.value.path().read_text()
    assert said.split() == ["0", "1", "2", str(SIDE), str(SIDE + 1), str(SIDE + 2)]
    reader.asked[1:] = []  # the download is a request of the browser to itself
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Select view").click()
    page.get_by_text(f"{SIDE**2} points selected.").first.wait_for()


def test_dark_paper_follows_the_system_and_the_button(chromium, html):
    reader = Reader(chromium, html, scheme="dark")
    assert "0d1117" in reader.page.evaluate(COLOURS)
    reader.page.get_by_role("button", name="Light colours").click()
    reader.page.wait_for_timeout(100)
    assert "ffffff" in reader.page.evaluate(COLOURS)
    assert reader.page.get_by_role("button", name="Dark colours").count() == 1
    reader.context.close()


@pytest.mark.parametrize("size", [(1280, 800), (420, 860)], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_fits_and_is_named_and_legible(chromium, html, size, scheme):
    """Rules of WCAG 2.2 A and AA by axe-core, beside what sticks out of the page."""
    reader = Reader(chromium, html, size=size, scheme=scheme)
    page = reader.page
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.evaluate(STICK_OUT) == []
    axe = gzip.decompress((DATA / "axe.min.js.gz").read_bytes()).decode()
    page.evaluate(f"() => {{ {axe} }}")
    found = page.evaluate(AXE)
    assert found == []
    reader.context.close()


def test_every_control_is_reached_by_tab_with_a_ring(reader):
    page = reader.page
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        name = page.evaluate(FOCUSED)
        if name is None or name in reached:
            break
        reached.append(name)
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert {"Zoom in", "Zoom out", "Show the whole map", "Select by lasso", "Colour by",
            "Search the records", "Select view", "Dark colours"} <= set(reached)  # fmt: skip
    assert any(name.startswith("<script>alert(1)</script>") for name in reached)  # the map


def test_a_graphics_card_draws_the_same_picture(chromium, html, tmp_path):
    """Software stands in for the card; colours of the discs' middles agree to 3 steps of 255."""
    text = html.read_text(encoding="utf-8")
    path = tmp_path / "webgl.html"
    marked = text.replace('data-asked="auto"', 'data-asked="auto" data-renderer="webgl"')
    path.write_text(marked, encoding="utf-8")
    reader = Reader(chromium, path)
    assert reader.page.evaluate(STATS)["renderer"] == "webgl"
    shots = []
    for found in (reader, Reader(chromium, html)):
        found.page.wait_for_timeout(200)
        box = found.page.locator(".gts-map").bounding_box()
        shots.append(found.page.screenshot(clip=box))
        found.context.close()
    first, second = (np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), int) for shot in shots)
    apart = np.abs(first - second).max(axis=2)
    inked = (first < 250).any(axis=2)
    assert inked.mean() > 0.01
    # Discs of both lie within half a pixel of each other: their edges differ, nothing else does.
    assert (apart[inked] <= 6).mean() > 0.6
    middles = ndimage.binary_erosion(inked, iterations=2)
    assert (apart[middles] <= 6).mean() > 0.97
