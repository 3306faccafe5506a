"""The viewer mounted in other pages, and over tiles that come as they are in view."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import threading

import numpy as np
import pytest
from browsing import SIDE, STATS, Quiet, lattice_map, started, until

from gputsne.viewer import asset, folder, pack

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium():
    with started() as browser:
        yield browser


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
