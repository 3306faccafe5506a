"""The widget's script in headless Chromium, with a stub in the place of the notebook's model."""

from __future__ import annotations

import base64
import shutil

import numpy as np
import pytest

from gputsne.notebook import view
from gputsne.notebook.reading import places

pytestmark = pytest.mark.browser
N = 200
HOSTILE = "<img src=x onerror='window.hurt = 1'>"
# What anywidget does: the script becomes a module of its own, whose ``render`` gets a model with
# get, set, save_changes, on and off. Bytes come as a DataView that begins anywhere.
RENDER = """async ({ script, style, state, bytes }) => {
  document.head.append(Object.assign(document.createElement("style"), { textContent: style }));
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const widget = (await import(url)).default;
  const viewed = (text) => {
    const raw = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const odd = new Uint8Array(raw.length + 3);
    odd.set(raw, 3);
    return new DataView(odd.buffer, 3);
  };
  for (const [name, text] of Object.entries(bytes)) state[name] = viewed(text);
  const listeners = {};
  window.saved = [];
  window.model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; window.saved.push([name, value]); },
    save_changes: () => { window.saves = (window.saves ?? 0) + 1; },
    on: (event, f) => { (listeners[event] ??= new Set()).add(f); },
    off: (event, f) => { listeners[event]?.delete(f); },
  };
  window.heard = () => Object.values(listeners).reduce((sum, all) => sum + all.size, 0);
  window.tell = (name, value) => {
    state[name] = name === "_places" ? viewed(value) : value;
    for (const f of [...(listeners[`change:${name}`] ?? [])]) f();
  };
  const el = document.body.appendChild(document.createElement("div"));
  window.end = await widget.render({ model: window.model, el });
}"""


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    flags = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=found, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def widget():
    rng = np.random.default_rng(0)
    Y = rng.uniform(-1, 1, (N, 2)).astype(np.float32)
    kinds = np.array(["left", HOSTILE])[(Y[:, 0] > 0).astype(int)]
    ids = [f"point {i}" for i in range(N)]
    return view(Y, kinds, columns={"height": Y[:, 1]}, ids=ids, height=480)


@pytest.fixture
def page(browser, widget):
    context = browser.new_context(viewport={"width": 1000, "height": 700}, offline=True)
    page = context.new_page()
    page.told, page.asked = [], []
    page.on("console", lambda message: page.told.append(message.text))
    page.on("pageerror", lambda error: page.told.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.set_content("<!doctype html><title>notebook</title><body data-jp-theme-light='true'>")
    names = ("_tileset", "_selected", "_column", "_square", "_fit", "height", "theme")
    state = {name: getattr(widget, name) for name in names}
    raw = {"_container": widget._container, "_places": b""}
    bytes_ = {name: base64.b64encode(data).decode() for name, data in raw.items()}
    given = {"script": widget._esm, "style": widget._css, "state": state, "bytes": bytes_}
    page.evaluate(RENDER, given)
    yield page
    context.close()
    assert page.told == []
    assert [url for url in page.asked if not url.startswith(("blob:", "data:", "about:"))] == []


def test_a_selection_made_on_the_page_is_told_to_python(page, widget):
    page.get_by_role("button", name="Select view").click()
    saved = page.evaluate("window.saved.at(-1)")
    assert saved[0] == "_selected"
    assert page.evaluate("window.saves") == len(page.evaluate("window.saved"))
    widget._selected = saved[1]  # as the comm message sets it
    assert sorted(widget.rows.tolist()) == list(range(N))
    page.get_by_role("button", name="Clear").click()
    assert page.evaluate("window.saved.at(-1)") == ["_selected", []]


def test_a_lasso_selects_the_points_inside_it(page, widget):
    box = page.locator(".gts-map").bounding_box()
    x = box["x"] + box["width"] / 2
    page.keyboard.down("Shift")
    page.mouse.move(x, box["y"] + 2)
    page.mouse.down()
    for place in ((box["x"] + 2, box["y"] + 2), (box["x"] + 2, box["y"] + box["height"] - 2),
                  (x, box["y"] + box["height"] - 2)):  # fmt: skip
        page.mouse.move(*place, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    widget._selected = page.evaluate("window.saved.at(-1)[1]")
    # The left half of the view is that of the map, up to a pixel.
    Y = np.array([widget_place(widget, row) for row in range(N)])
    middle = (Y[:, 0].min() + Y[:, 0].max()) / 2
    pixel = 2 * (Y[:, 0].max() - Y[:, 0].min()) / box["width"]
    sure = np.abs(Y[:, 0] - middle) > pixel
    inside = np.isin(np.arange(N), widget.rows)
    assert (inside == (Y[:, 0] < middle))[sure].all()


def widget_place(widget, row):
    from gputsne.viewer.container import unpack

    _, held = unpack(widget._container)
    at = held["id"].index(f"point {row}")
    return held["x"][at], held["y"][at]


def test_a_selection_set_in_python_is_shown(page, widget):
    page.evaluate("window.tell('_selected', ['point 3', 'point 5'])")
    assert page.get_by_text("2 points selected.").first.is_visible()
    assert page.evaluate("window.saved") == []  # told, it is not sent back
    page.evaluate("window.tell('_selected', [])")
    assert page.get_by_text("Nothing is selected").first.is_visible()


def test_colour_theme_and_height_follow_python(page, widget):
    picker = page.get_by_label("Colour by")
    assert picker.locator("option:checked").inner_text() == "label"
    page.evaluate("window.tell('_column', 'c1')")
    assert picker.locator("option:checked").inner_text() == "height"
    assert page.evaluate("window.saved") == []
    page.evaluate("window.tell('height', 600)")
    assert page.locator(".gputsne-widget").bounding_box()["height"] == 600
    dark = "document.querySelector('.gputsne-widget').dataset.theme"
    assert page.evaluate(dark) == "light"  # as the notebook
    page.evaluate("window.tell('theme', 'dark')")
    assert page.evaluate(dark) == "dark"
    page.evaluate("window.tell('theme', 'auto')")
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    page.wait_for_function(f"{dark} === 'dark'")


def test_a_colour_picked_on_the_page_is_told_to_python(page, widget):
    picker = page.get_by_label("Colour by")
    for option, colour in (("height", "height"), ("one colour", None), ("label", "label")):
        picker.select_option(label=option)
        name, column = page.evaluate("window.saved.at(-1)")
        assert name == "_column"
        widget._column = column  # as the comm message sets it
        assert widget.colour == colour
    assert page.evaluate("window.saves") == len(page.evaluate("window.saved")) == 3


def test_points_move_and_the_curve_grows_while_a_fit_runs(page, widget):
    assert page.locator(".gputsne-fit").is_hidden()
    Y = np.random.default_rng(1).normal(scale=50, size=(N, 2)).astype(np.float32)
    packed, square = places(Y)
    page.evaluate("square => window.tell('_square', square)", square)
    page.evaluate("data => window.tell('_places', data)", base64.b64encode(packed).decode())
    curve = [[50, 2.5], [75, None], [100, 1.5]]
    told = {"text": "iteration 100 of 200, KL 1.5", "curve": curve, "total": 200}
    page.evaluate("told => window.tell('_fit', told)", told)
    assert page.get_by_text("iteration 100 of 200, KL 1.5").is_visible()
    path = page.locator(".gputsne-fit path").get_attribute("d")
    assert path == "M60.0 2.0L120.0 42.0"  # half of the width, from the top to the bottom
    assert "2.500 to 1.500" in page.locator(".gputsne-fit svg").get_attribute("aria-label")


def test_hostile_labels_are_text(page, widget):
    assert page.get_by_text(HOSTILE).first.is_visible()
    assert page.locator("img").count() == 0
    assert page.evaluate("window.hurt") is None


def test_a_view_that_is_closed_leaves_nothing_behind(page, widget):
    assert page.evaluate("window.heard()") > 0
    page.evaluate("window.end()")
    assert page.evaluate("window.heard()") == 0
    assert page.locator(".gputsne-widget *").count() == 0
