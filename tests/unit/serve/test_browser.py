"""The server's pages and a run's tiles in headless Chromium: nothing is refused by their policy."""

from __future__ import annotations

import shutil
import time
from urllib.request import urlopen

import pytest
from served import WITHIN, server

pytestmark = pytest.mark.browser
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
BEACON = 'gputsne_rum_seconds_count{{event="{}"}} {}.0'


@pytest.mark.slow
def test_from_the_list_to_the_tiles_of_a_run_and_what_that_took(store, id, tmp_path):
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    said, answers = [], []
    with (
        server(store._storage.root, tmp_path / "cache") as (_, address),
        sync_playwright() as play,
    ):
        browser = play.chromium.launch(executable_path=found, args=FLAGS)
        page = browser.new_page(viewport={"width": 900, "height": 700})
        page.set_default_timeout(1000 * WITHIN)
        page.on("console", lambda message: said.append((message.type, message.text)))
        page.on("pageerror", lambda error: said.append(("error", str(error))))
        page.on("response", lambda answer: answers.append((answer.status, answer.url)))
        page.goto(f"{address}/")
        page.get_by_role("link", name=id, exact=True).click()
        page.get_by_role("link", name="Look at the map").click()
        page.locator("canvas").first.wait_for()
        ends, metrics = time.monotonic() + WITHIN, ""
        while BEACON.format("first_paint", 1) not in metrics and time.monotonic() < ends:
            page.wait_for_timeout(50)
            metrics = urlopen(f"{address}/metrics", timeout=WITHIN).read().decode()
        browser.close()
    assert BEACON.format("load", 2) in metrics
    assert BEACON.format("first_paint", 1) in metrics
    assert [line for line in said if line[0] == "error"] == []
    assert {status for status, url in answers} <= {200, 204, 302, 304}
    assert any(url.endswith("/0/0/0.bin") for _, url in answers)
    assert all(url.startswith(address) for _, url in answers)
