"""The API reference of tools/build_reference.py: every public name is in it, no link is dead."""

from __future__ import annotations

import importlib.util
import inspect
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import gputsne

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "build_reference.py"


class Page(HTMLParser):
    """The anchors of a page, what it links to, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.loads += [given[name] for name in ("src", "data") if name in given]
        if tag == "link" and "href" in given:
            self.loads.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    spec = importlib.util.spec_from_file_location("build_reference", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    pages = script.build(tmp_path_factory.mktemp("reference"))
    return {page: Page(page.read_text(encoding="utf-8")) for page in pages}


def anchors(site: dict[Path, Page], module: str) -> set[str]:
    end = module.replace(".", "/") + ".html"
    (found,) = [page.anchors for path, page in site.items() if path.as_posix().endswith(end)]
    return found


def test_every_public_name_is_described(site: dict[Path, Page]):
    for name in gputsne.__all__:
        value = getattr(gputsne, name)
        if not inspect.ismodule(value):
            assert name in anchors(site, "gputsne") or name == "__version__"
            continue
        names = getattr(value, "__all__", None) or [
            n for n, v in vars(value).items() if getattr(v, "__module__", "") == value.__name__
        ]
        told = {n for n in names if callable(getattr(value, n)) and not n.startswith("_")}
        assert told
        assert told <= anchors(site, value.__name__)


def test_every_method_of_the_estimator_is_described(site: dict[Path, Page]):
    own = [n for c in gputsne.TSNE.__mro__ if c.__module__.startswith("gputsne") for n in vars(c)]
    methods = {f"TSNE.{n}" for n in own if not n.startswith("_")}
    assert {"TSNE.fit", "TSNE.transform", "TSNE.save"} <= methods
    assert methods <= anchors(site, "gputsne")


def test_every_link_leads_somewhere(site: dict[Path, Page]):
    dead = []
    for path, page in site.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https"):
                continue  # the page of pdoc itself, in the foot of each page
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if there not in site or (parts.fragment and parts.fragment not in site[there].anchors):
                dead.append(f"{path.name}: {link}")
    assert not dead


def test_the_pages_load_nothing_from_elsewhere(site: dict[Path, Page]):
    assert not [
        s for p in site.values() for s in p.loads if urlsplit(s).scheme in ("http", "https")
    ]
