"""Small data with records, a report of them, and a reader of pages."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

import gputsne

N = 120
VOID = {"meta", "img", "source", "br", "circle", "rect"}


class Page(HTMLParser):
    """What a page shows, which elements it has, and what it would load or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.tags, self.loads, self.runs, self.open = "", [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        self.loads += [given[k] for k in ("src", "srcset", "href", "data", "action") if k in given]
        self.runs += [k for k in given if k.startswith("on") or k == "style"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text += data


@pytest.fixture(scope="session")
def read_page():
    return Page


@pytest.fixture(scope="session")
def data() -> dict:
    """Three groups in 60 dimensions, a map that shows two of their axes, records."""
    rng = np.random.default_rng(0)
    kind = np.repeat(["login", "file", "network"], N // 3)
    X = rng.normal(size=(N, 60)) + 24 * np.eye(60)[np.repeat([0, 1, 2], N // 3)]
    records = {
        "kind": kind.tolist(),
        "status": np.where(np.arange(N) % 7 == 0, "failure", "success").tolist(),
        "bytes": rng.integers(900, 1100, N).tolist(),
        "email": [f"user{i}@example.org" for i in range(N)],
    }
    return {"X": X, "Y": X[:, :2], "labels": kind, "records": records}


@pytest.fixture(scope="session")
def made(data):
    return gputsne.report(
        data["X"], data["Y"], data["labels"], data["records"],
        fields=["kind", "status", "bytes"], evidence={"latency_ms": 8.0, "budget_gb": 1.0},
    )  # fmt: skip


@pytest.fixture
def without_pictures(monkeypatch):
    """Leave out the pictures, which take half of a small report's time."""
    monkeypatch.setattr("gputsne.reporting.page.figures", lambda *given: ((), "left out"))
