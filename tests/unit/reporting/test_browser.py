"""The pages in headless Chromium without a network, on a desk and a phone, bright and dark."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import gputsne

pytestmark = pytest.mark.browser
SIZES = [(1280, 900), (390, 844)]
HOSTILE = "<script>alert(1)</script><img src='http://example.org/x.png' onerror='alert(2)'>"
# Elements that stick out of the page, but for those inside a box that scrolls by itself.
STICK_OUT = """() => [...document.querySelectorAll("body *")].filter(
  e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, pre")
).map(e => e.outerHTML.slice(0, 80))"""
# Luminance of the page's paper and ink, 0 to 1 (Rec. 709).
PAPER = """() => ["backgroundColor", "color"].map(name => {
  const [r, g, b] = getComputedStyle(document.body)[name].match(/[\\d.]+/g).map(Number);
  return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
})"""
LOADED = """() => [...document.images].every(i => i.complete && i.naturalWidth > 100)"""
DARK = """() => [...document.images].map(i => i.currentSrc === i.src)"""


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory, data) -> dict[str, Path]:
    """A report with hostile, long and many-columned records, and the page of a checklist."""
    folder = tmp_path_factory.mktemp("pages")
    kinds = np.where(data["labels"] == "login", HOSTILE, data["labels"])
    records = {**data["records"], HOSTILE: kinds.tolist(), "long": ["w" * 400] * len(kinds),
               **{f"column {i}": [i] * len(kinds) for i in range(8)}}  # fmt: skip
    found = gputsne.report(
        data["X"], data["Y"], kinds, records, critical=["status"], title=HOSTILE * 3,
        run={"kl_history": [[50, 3.0], [300, 1.0], [350, 0.9]], "parameters": {HOSTILE: "v" * 300}},
        path=folder / "report.html",
    )  # fmt: skip
    found.checklist.to_html(folder / "check.html")
    return {"report": folder / "report.html", "check": folder / "check.html"}


@pytest.mark.parametrize("name", ["report", "check"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size[0]))
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_fits_loads_and_runs_nothing(browser, pages, name, size, scheme):
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, offline=True
    )
    page = context.new_page()
    told, asked = [], []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: told.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(pages[name].as_uri())
    page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.evaluate(STICK_OUT) == []
    paper, ink = page.evaluate(PAPER)
    assert (paper < 0.2, ink > 0.7) == ((scheme == "dark"),) * 2
    assert page.evaluate(LOADED)
    assert all(bright == (scheme == "light") for bright in page.evaluate(DARK))
    assert told == []
    assert [url for url in asked if not url.startswith("data:")] == [pages[name].as_uri()]
    context.close()
