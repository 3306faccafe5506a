"""The page of a report: what comes first, that it stands alone, that hostile text stays text."""

from __future__ import annotations

import base64
import re

import numpy as np
import pytest

import gputsne

HOSTILE = (
    "</td></table><script>alert(1)</script><img src=x onerror=alert(2)>\u202e'\"{{7*7}}\x00\ud800"
)


@pytest.fixture(scope="module")
def page(made, read_page):
    return read_page(made.to_html())


def test_what_to_do_comes_first_then_records_then_numbers(made, page):
    at = {
        name: page.text.rindex(name)
        for name in (
            "What the points are", "Pictures", "Numbers, space by space", "Quality of the map",
            "Spot checks", "Further checks", "Operation", "Repeat it",
        )
    }  # fmt: skip
    assert list(at.values()) == sorted(at.values())
    wrong = [row for row in made.checklist.rows if row.status in ("fail", "warn")]
    for row in wrong:
        assert 0 < page.text.index(row.action) < at["What the points are"]
    for row in made.checklist.rows:
        assert row.title in page.text[: at["What the points are"]]
    for group in made.facts["groups"]["groups"]:
        assert group["name"] in page.text[at["What the points are"] : at["Pictures"]]


def test_the_page_stands_alone(made, page):
    assert all(address.startswith(("data:image/webp;base64,", "#")) for address in page.loads)
    assert page.runs == []
    assert not {"script", "iframe", "object", "embed", "form", "link", "base"} & set(page.tags)
    html = made.to_html()
    assert not re.search(r"https?://(?!www\.w3\.org)|@import|url\(", html)
    assert "Content-Security-Policy" in html.partition("<title>")[0]
    assert len(html) < 1_000_000


def test_pictures_are_told_in_words_and_come_in_bright_and_dark(made, page):
    titles = [figure.title for figure in made.figures]
    assert titles == [
        "The map", "Where neighbours are kept", "Where labels agree", "Silhouettes in the input",
        "Neighbourhoods of every size", "Distances",
    ]  # fmt: skip
    assert page.tags.count("picture") == page.tags.count("img") == len(titles)
    legend = dict(made.figures[0].legend)
    assert set(legend) == {"login", "file", "network"}
    html = made.to_html()
    for bright, dark in legend.values():  # once in the table of records, once below the map
        assert html.count(f'fill="{bright}"') == html.count(f'fill="{dark}"') >= 2
    for figure in made.figures:
        assert figure.alt
        assert figure.caption
        kinds = [base64.b64decode(p.partition(",")[2])[8:12] for p in (figure.bright, figure.dark)]
        assert kinds == [b"WEBP", b"WEBP"]
        assert figure.bright != figure.dark


def test_links_of_the_page_lead_somewhere(made):
    html = made.to_html()
    targets = set(re.findall(r'href="#([^"]+)"', html))
    assert targets
    assert targets <= set(re.findall(r'id="([^"]+)"', html))


def test_hostile_text_stays_text(data, read_page, without_pictures):
    def reported(text: str):
        kinds = np.where(data["labels"] == "login", text, data["labels"])
        records = {text: kinds.tolist(), "kind": data["labels"].tolist()}
        rules = {text: {"title": text, "metric": "own", "fault": "> 0", "symptom": text,
                        "action": text, "source": text, "profiles": ["go-no-go"]}}  # fmt: skip
        return gputsne.report(
            data["X"], data["Y"], kinds, records, critical=[text], rules=rules, title=text,
            acks={"visualization": f"{text}: {text}"}, command=text, evidence={"own": 1.0},
            metadata={text: np.arange(len(kinds))}, run={"parameters": {text: text}},
        )  # fmt: skip

    calm, hostile = reported("quiet").to_html(), reported(HOSTILE).to_html()
    # The same elements in the same order: no text became one, none closed one.
    assert read_page(hostile).tags == read_page(calm).tags
    assert read_page(hostile).runs == []
    assert "alert(1)" in read_page(hostile).text
    assert "{{7*7}}" in read_page(hostile).text
    hostile.encode("utf-8")
    assert "\x00" not in hostile


def test_long_text_is_clipped_in_tables_and_whole_in_json(data, without_pictures):
    records = {"note": ["x" * 5000] * len(data["X"])}
    found = gputsne.report(data["X"], data["Y"], data["labels"], records)
    assert "x" * 200 not in found.to_html()
    assert "x" * 5000 in found.to_json()


def test_of_many_groups_the_largest_are_shown_and_the_rest_counted(data, without_pictures):
    labels = np.arange(len(data["X"])) % 40
    found = gputsne.report(data["X"], data["Y"], [f"group {i}" for i in labels])
    assert len(found.facts["groups"]["groups"]) == 24
    assert "16 are not" in found.to_html()


def test_the_seeds_own_data_fail_with_all_labels_told_and_why(read_page, without_pictures):
    draw = np.random.RandomState(42).randn
    tail = [0] * 254
    parts = [draw(200, 256) * 0.5 + np.array(at + tail) for at in ([0, 0], [3, 3], [-3, 3])]
    X, kinds = np.vstack(parts), np.repeat([0, 1, 2], 200)
    model = gputsne.TSNE(random_state=0, max_iter=300).fit(X)
    found = gputsne.report(X, model, kinds)
    assert found.verdict == "FAIL"
    assert found.evidence["knn_accuracy_5fold"] == 1.0
    assert found.evidence["input.silhouette"] == pytest.approx(0.061, abs=5e-4)
    assert found.evidence["map.silhouette"] > 0.5
    why = {row["title"]: row for row in found.facts["why_spaces_differ"]}
    assert "Input: silhouette low, labels told all the same" in why
    assert "Map: clearer than the input" in why
    text = read_page(found.to_html()).text
    for row in why.values():
        assert row["cause"] in text
    assert "256 dimensions all distances are nearly equal" in text
