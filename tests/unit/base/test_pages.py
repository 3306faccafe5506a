"""Pages: one policy that forbids everything but the style, every text escaped, jinja2 optional."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from gputsne.base.extras import pip_install
from gputsne.base.pages import number, rendered

WITHOUT = """
import sys
sys.modules["jinja2"] = None
import gputsne
found = gputsne.check({"silhouette": 0.1})
assert "FAIL" in str(found) and "<testsuite" in found.to_junit()
assert found._repr_html_() is None
try:
    found.to_html()
except gputsne.errors.DependencyMissing as error:
    print(error)
"""


def test_the_policy_allows_the_pages_own_style_and_nothing_else():
    html = rendered("page.html.j2", title="x")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', html)
    style = html.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    told = dict(part.split(maxsplit=1) for part in policy.replace("&#39;", "'").split("; "))
    assert told.pop("style-src") == f"'sha256-{digest}'"
    assert told.pop("img-src") == "data:"
    assert set(told) == {"default-src", "base-uri", "form-action"}
    assert set(told.values()) == {"'none'"}
    assert "url(" not in style
    assert "@import" not in style


@pytest.mark.parametrize(
    "hostile", ["</title><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "\x00\ud800"]
)
def test_hostile_text_stays_text(hostile):
    class Page(HTMLParser):
        def __init__(self, text):
            super().__init__()
            self.tags, self.text = [], ""
            self.feed(text)

        def handle_starttag(self, tag, attrs):
            self.tags.append(tag)

        def handle_data(self, data):
            self.text += data

    html = rendered("page.html.j2", title=hostile)
    page = Page(html)
    assert page.tags == Page(rendered("page.html.j2", title="x")).tags
    assert re.sub("[\x00\ud800]", "\ufffd", hostile) in page.text
    html.encode("utf-8")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "n/a"), (float("nan"), "n/a"), (0.0612345, "0.06123"), (1797, "1,797"), (3.0, "3"),
        (1e6 + 0.5, "1,000,000"), (float("inf"), "inf"), (1e-9, "1e-09"), (True, "True"),
        ("text", "text"),
    ],
)  # fmt: skip
def test_numbers_are_for_reading(value, said):
    assert number(value) == said


def test_without_jinja2_the_other_views_work_and_a_page_says_what_to_install():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"an HTML page needs jinja2: {pip_install('report')}\n"
