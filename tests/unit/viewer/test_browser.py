"""The viewer in headless Chromium without a network: what is drawn, found, selected and told."""

from __future__ import annotations

import base64
import functools
import gzip
import http.server
import io
import json
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from gputsne.viewer import Column, asset, contents, folder, pack, page
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


def test_others_mount_select_and_move_it(chromium, tmp_path):
    """The widget and the server use ``mount`` with a container of their own."""
    tileset, container = lattice_map()
    data = base64.b64encode(container).decode()
    told_of_it = json.dumps(tileset).replace("<", "\\u003c")
    path = tmp_path / "own.html"
    path.write_text(
        f"<!DOCTYPE html><html lang=en><title>t</title><style>{asset('viewer.css')}"
        "#box { width: 900px; height: 500px }</style><div id=box></div>"
        f"<script type=module>{asset('viewer.js')}\n"
        f"const told = {told_of_it};\n"
        f"const bytes = Uint8Array.from(atob('{data}'), (c) => c.charCodeAt(0));\n"
        "window.handle = mount(document.getElementById('box'), "
        "{ tileset: told, container: bytes }, { theme: 'light', colour: 'c1' });\n"
        "window.heard = []; handle.on('select', (ids) => heard.push(ids));\n"
        "window.ready = handle.ready;</script>",
        encoding="utf-8",
    )
    page = chromium.new_page()
    told = []
    page.on("pageerror", lambda error: told.append(str(error)))
    page.goto(path.as_uri())
    assert page.evaluate("ready")
    assert page.get_by_label("Colour by").input_value() == "1"
    page.evaluate("handle.select([5, 7])")
    page.get_by_text("2 points selected.").first.wait_for()
    assert page.evaluate("heard") == []  # who asked knows
    page.get_by_role("button", name="Select view").click()
    assert len(page.evaluate("heard[0]")) == SIDE**2
    page.evaluate("handle.setColour('kind')")
    assert page.get_by_label("Colour by").input_value() == "0"
    n = SIDE**2
    page.evaluate(
        "n => handle.setPoints({ x: new Float32Array(n).fill(3), y: new Float32Array(n).fill(4) })",
        n,
    )
    with pytest.raises(Exception, match=f"there are {n} points, and 1 by 1 places"):
        page.evaluate("handle.setPoints({ x: [1], y: [2] })")
    with pytest.raises(Exception, match="there is no event"):
        page.evaluate("handle.on('click', () => 0)")
    page.evaluate("handle.destroy()")
    assert page.evaluate("document.getElementById('box').childElementCount") == 0
    assert told == []
    page.close()


def test_tiles_are_asked_for_as_they_come_into_view(chromium, tmp_path):
    """A tile set of two listed levels and one that its parents tell of; one tile is damaged."""
    tiles = {"0/0/0": 1, "1/0/0": 1, "1/1/1": 1}
    tileset = {
        "schema": "gputsne.tiles/1", "title": "Tiles", "rows": 5, "shown": 5, "path": "tiles-2",
        "square": [0.0, 0.0, 16.0], "levels": 3, "listed": 2, "tiles": tiles, "colour": None,
        "columns": [{"name": "id", "title": "row", "kind": "id"}],
    }  # fmt: skip
    for name, data in folder(tileset).items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "tileset.json").write_text(json.dumps(tileset))
    below = {"0/0/0": [1, 0, 0, 1], "1/0/0": [0, 1, 0, 0], "1/1/1": [0, 0, 0, 1]}
    for i, key in enumerate([*tiles, "2/1/0", "2/3/3"]):
        z, x, y = map(int, key.split("/"))
        side = 16 / 2**z
        data = pack(
            {"x": np.array([32768], np.uint16), "y": np.array([32768], np.uint16),
             "id": np.array([i], np.uint32)},
            square=[x * side, y * side, side], below=below.get(key, [0, 0, 0, 0]),
        )  # fmt: skip
        path = tmp_path / "tiles-2" / f"{key}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if key != "2/3/3" else b"damaged!")
    handler = functools.partial(Quiet, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    told, asked = [], []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url.rsplit("/", 4)[-4:]))
    page.goto(f"http://127.0.0.1:{server.server_port}/")
    until(lambda: page.evaluate(STATS).get("points") == 3)

    def keys():
        return ["/".join(parts[1:])[:-4] for parts in asked if parts[0] == "tiles-2"]

    assert sorted(keys()) == sorted(tiles)  # once each, and none too fine to be told apart
    box = page.locator(".gts-map").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    # Towards the upper right: the damaged tile is asked for again, but not for ever.
    page.mouse.move(x + 250, y - 250)
    page.mouse.wheel(0, -300)
    page.mouse.wheel(0, -300)
    page.get_by_text("Some points could not be loaded").wait_for()
    assert sorted(keys()) == sorted([*tiles, "2/3/3", "2/3/3", "2/3/3"])
    # Towards the lower left: a tile of which only the one above it tells.
    page.get_by_role("button", name="Show the whole map").click()
    page.mouse.move(x - 150, y + 250)
    page.mouse.wheel(0, -300)
    page.mouse.wheel(0, -300)
    until(lambda: page.evaluate(STATS)["points"] == 4)
    assert keys()[-1] == "2/1/0"
    assert keys().count("2/3/3") == 3
    assert told == []
    page.close()
    server.shutdown()
    server.server_close()


def test_a_crowded_square_looks_crowded_beside_one_of_which_all_is_here(chromium, tmp_path):
    """Of every square the share is drawn that the most crowded one can show: no seams."""
    rows = {"0/0/0": 2, "1/0/0": 100, "1/1/1": 100, "2/3/3": 900}
    tileset = {
        "schema": "gputsne.tiles/1", "title": "Tiles", "rows": 1102, "shown": 1102,
        "square": [0.0, 0.0, 16.0], "levels": 3, "listed": 3, "tiles": rows, "colour": None,
        "columns": [{"name": "id", "title": "row", "kind": "id"}],
    }  # fmt: skip
    below = {"0/0/0": [100, 0, 0, 100], "1/0/0": [0] * 4, "1/1/1": [0, 0, 0, 900]}
    containers = {}
    for key, more in below.items():
        z, x, y = map(int, key.split("/"))
        side, units = 16 / 2**z, np.arange(rows[key], dtype=np.uint16) * 600
        data = pack(
            {"x": units, "y": units, "id": np.arange(rows[key], dtype=np.uint32)},
            square=[x * side, y * side, side], below=more,
        )  # fmt: skip
        containers[f"tiles/{key}.bin"] = base64.b64encode(data).decode()
    path = tmp_path / "own.html"
    path.write_text(
        "<!DOCTYPE html><html lang=en><title>t</title><style>#box { width: 900px; height: 500px }"
        f"{asset('viewer.css')}</style><div id=box></div><script type=module>{asset('viewer.js')}\n"
        f"const data = {json.dumps(containers)};\n"
        "const fetch = async (path) => Uint8Array.from(atob(data[path]), (c) => c.charCodeAt(0));\n"
        f"window.handle = mount(document.getElementById('box'), {{ tileset: {json.dumps(tileset)}, "
        "fetch });</script>",
        encoding="utf-8",
    )
    page = chromium.new_page(viewport={"width": 1000, "height": 600})
    page.goto(path.as_uri())
    until(lambda: page.evaluate("handle.stats().points") == 202)
    # All of both coarse points, a tenth of the lower left, 100 of 1,000 of the upper right.
    until(lambda: page.evaluate("handle.stats().drawn") in (112, 113))
    page.close()
