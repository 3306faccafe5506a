"""What a page says of records in headless Chromium: all digits, exact hits first, room for all."""

from __future__ import annotations

import datetime
import functools
import http.server
import json
import threading

import numpy as np
import pytest
from browsing import Quiet, started, until

from gputsne.viewer import Column, contents, folder, pack, page
from gputsne.viewer.contents import read

pytestmark = pytest.mark.browser
N = 100
ROWS = np.arange(N)
PLACES = np.stack([ROWS % 10, ROWS // 10], axis=1).astype(float)
MOMENT = np.datetime64("2024-05-03T12:33:41.250000")
LONG = "n" * 300
BIG = 2**53 + 1 + ROWS
PAINTED = "performance.getEntriesByName('gputsne-first-paint').length"
# Which of the corner points of the whole map a button lies over: places follow from the picture.
COVERED = """() => {
  const tools = document.querySelector(".gts-tools").getBoundingClientRect();
  const canvas = document.querySelector(".gts-canvas"), box = canvas.getBoundingClientRect();
  const copy = document.createElement("canvas");
  Object.assign(copy, { width: canvas.width, height: canvas.height });
  const context = copy.getContext("2d");
  context.drawImage(canvas, 0, 0);
  const dpr = canvas.width / box.width;
  const part = context.getImageData(0, 0, Math.ceil((tools.right - box.left) * dpr),
    Math.ceil((tools.bottom - box.top) * dpr));
  return new Uint32Array(part.data.buffer).reduce((n, p) => n + (p !== 0xffffffff), 0);
}"""


@pytest.fixture(scope="module")
def chromium():
    with started() as browser:
        yield browser


def opened(chromium, path, made, size=(1280, 800)):
    path.write_text(page(*made), encoding="utf-8")
    found = chromium.new_page(viewport={"width": size[0], "height": size[1]})
    found.goto(path.as_uri())
    until(lambda: found.evaluate(PAINTED))
    return found


@pytest.fixture(scope="module")
def shown(chromium, tmp_path_factory):
    moments = MOMENT + ROWS * np.timedelta64(1, "s")
    columns = [
        Column("kind", "category", (ROWS % 2).astype(np.uint8), ("odd", "even"), ("#a00000",) * 2),
        read("big", BIG, N),
        read("price", 1234567.89 + ROWS, N),
        read("seconds", 1732699999.5 + ROWS, N),
        read("single", (ROWS / np.float32(10)).astype(np.float32), N),
        read("narrow", 1e9 + 1e-6 * ROWS, N),
        read("moment", moments, N),
        read(LONG, [f"text {i} {'y' * 390}" for i in ROWS], N),
    ]
    ids = [f"cust-{i}" for i in ROWS]
    made = contents(PLACES, columns, ids=ids, id_name="customer", title="Records")
    found = opened(chromium, tmp_path_factory.mktemp("shown") / "map.html", made)
    yield found
    found.close()


def looked_for(found, text):
    """Return what the search says, and the ids of its results in their order."""
    found.get_by_label("Search the records").fill("")
    said = found.locator(".gts-panel section:has(.gts-hits) .gts-note").first
    until(lambda: said.inner_text() == "")
    found.get_by_label("Search the records").fill(text)
    until(lambda: said.inner_text() != "")
    return said.inner_text(), found.locator(".gts-hit .gts-count").all_inner_texts()


def record_of(found, customer):
    """Return the record of a customer, as names and texts."""
    looked_for(found, customer)
    found.locator(".gts-hit").first.click()
    card = found.locator(".gts-card.gts-pinned")
    card.wait_for(state="visible")
    names, texts = card.locator("dt").all_inner_texts(), card.locator("dd").all_inner_texts()
    return dict(zip(names, texts, strict=True))


def test_a_record_has_all_digits_and_seconds(shown):
    told = record_of(shown, "cust-7")
    assert told["customer"] == "cust-7"
    assert told["big"] == f"{2**53 + 8:,}"
    assert told["price"] == "1,234,574.89"
    assert told["seconds"] == "1,732,700,006.5"
    assert told["single"] == "0.7"
    assert float(told["narrow"].replace(",", "")) == 1e9 + 7e-6
    exact = datetime.datetime.fromisoformat("2024-05-03T12:33:48.25")
    assert datetime.datetime.fromisoformat(told["moment"]) == exact


def test_a_long_name_leaves_room_for_the_record(shown):
    told = record_of(shown, "cust-7")
    name = next(key for key in told if key.startswith("nnn"))
    assert len(name) == 60
    box = shown.locator(".gts-card").bounding_box()
    assert box["height"] < shown.locator(".gts-map").bounding_box()["height"] * 0.7


@pytest.mark.parametrize(
    ("text", "first", "n"),
    [
        ("cust-7", "cust-7", 11),  # and 70 to 79
        (f"{2**53 + 8}", "cust-7", 1),
        (f"{2**53 + 8:,}", "cust-7", 1),
        ("1234574.89", "cust-7", 1),
        ("1,234,574.8", "cust-7", 1),
        ("2024-05-03 12:33:48", "cust-7", 1),
        ("2024-05", None, N),
        ("even", None, N // 2),
    ],
)
def test_search_finds_ids_numbers_and_dates_the_exact_ones_first(shown, text, first, n):
    said, hits = looked_for(shown, text)
    assert said.startswith(f"{n} point{'s' * (n > 1)} found")
    if first is not None:
        assert hits[0] == first
    assert shown.get_by_label("Search the records").get_attribute("placeholder") == (
        "Text, label, number, date or id"
    )


def test_numbers_that_are_ids_are_found_as_such_and_rows_are_not(chromium, tmp_path):
    made = contents(PLACES, ids=(1000 + ROWS).astype(np.uint32), id_name="id")
    found = opened(chromium, tmp_path / "map.html", made)
    assert looked_for(found, "1007") == ("1 point found", ["1007"])
    assert looked_for(found, "7") == ("Nothing found.", [])
    found.close()


def test_ids_are_downloaded_in_natural_order(shown):
    looked_for(shown, "cust-1")
    shown.get_by_role("button", name="Select results").click()
    shown.get_by_text("11 points selected.").first.wait_for()
    with shown.expect_download() as waiting:
        shown.get_by_role("button", name="Download ids").click()
    said = waiting.value.path().read_text().split()
    assert said == ["cust-1", *(f"cust-{i}" for i in range(10, 20))]
    shown.get_by_role("button", name="Clear").click()


def test_a_scale_is_written_in_one_style_that_tells_its_ends_apart(shown):
    for name, low, high in (
        ("big", f"{2**53 + 1:,}", f"{2**53 + N:,}"),
        ("price", "1,234,567.9", "1,234,666.9"),  # to a thousandth of the range
    ):
        shown.get_by_label("Colour by").select_option(label=name)
        assert shown.locator(".gts-ends span").all_inner_texts() == [low, high]
        least, most = shown.get_by_label("Least value shown"), shown.get_by_label("Greatest value")
        assert least.get_attribute("aria-valuetext") == low
        assert most.get_attribute("aria-valuetext") == high
    shown.get_by_label("Colour by").select_option(label="narrow")
    low, high = (
        float(t.replace(",", "")) for t in shown.locator(".gts-ends span").all_inner_texts()
    )
    # to a thousandth of the range, or to the step of float64 there
    assert low == 1e9
    np.testing.assert_allclose(high - low, 99e-6, rtol=1e-3, atol=np.spacing(1e9))
    shown.get_by_label("Colour by").select_option(label="kind")


@pytest.mark.parametrize(
    "size", [(1280, 800), (420, 860), (320, 640), (740, 360)], ids=lambda size: f"{size[0]} wide"
)
@pytest.mark.parametrize("wide", [0.2, 1.0, 6.0], ids=["tall", "square", "wide"])
def test_buttons_lie_over_no_point_of_the_whole_map(chromium, tmp_path, size, wide):
    x, y = (a.ravel() for a in np.meshgrid(np.linspace(0, wide, 40), np.linspace(0, 1, 40)))
    found = opened(chromium, tmp_path / "map.html", contents(np.stack([x, y], axis=1)), size)
    assert found.evaluate(COVERED) == 0
    found.close()


def test_a_tile_set_says_what_a_lasso_covers_and_when_it_is_renewed(chromium, tmp_path):
    tileset = {
        "schema": "gputsne.tiles/1", "title": "Tiles", "rows": 9, "shown": 9, "path": "tiles",
        "square": [0.0, 0.0, 16.0], "levels": 2, "listed": 2, "tiles": {"0/0/0": 1, "1/1/1": 8},
        "colour": None, "columns": [{"name": "id", "title": "row", "kind": "id"}], "version": 1,
    }  # fmt: skip
    for name, data in folder(tileset).items():
        (tmp_path / name).write_bytes(data)
    told = tmp_path / "tileset.json"
    told.write_text(json.dumps(tileset))
    tile = tmp_path / "tiles/0/0/0.bin"
    tile.parent.mkdir(parents=True)
    tile.write_bytes(pack(
        {"x": np.array([32768], np.uint16), "y": np.array([32768], np.uint16),
         "id": np.array([0], np.uint32)}, square=[0.0, 0.0, 16.0], below=[0, 0, 0, 8],
    ))  # fmt: skip
    handler = functools.partial(Quiet, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found = chromium.new_page(viewport={"width": 500, "height": 400})
    found.goto(f"http://127.0.0.1:{server.server_port}/")
    until(lambda: found.evaluate(PAINTED))
    found.get_by_role("button", name="Select view").click()
    found.get_by_text("1 point selected among the points that are loaded.").first.wait_for()

    def seen_again():
        found.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        return found.get_by_role("button", name="Reload").count()

    found.wait_for_timeout(1100)
    assert not seen_again()
    told.write_text(json.dumps(tileset | {"version": 2}))
    until(seen_again)
    with found.expect_navigation():
        found.get_by_role("button", name="Reload").click()
    until(lambda: found.evaluate(PAINTED))
    assert not found.get_by_role("button", name="Reload").count()
    found.close()
    server.shutdown()
    server.server_close()
