"""Pages of the viewer are one file, the same each time, that hostile texts can't write into."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest

from gputsne.viewer import contents, folder, page, unpack
from gputsne.viewer.contents import MAX_TEXT, Column, read

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&\"'<!--"
N = 60
Y = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of each script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.closed = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self.texts.append("")
        self.closed = False

    def handle_data(self, data):
        if self.texts and not self.closed:
            self.texts[-1] += data

    def handle_endtag(self, tag):
        self.closed = True


def evil_map():
    codes = (np.arange(N) % 2).astype(np.uint8)
    columns = [
        Column(EVIL, "category", codes, (EVIL, "b"), ("#aa0000", "#00aa00")),
        read(EVIL, [EVIL] * N, N),
    ]
    return contents(Y, columns, title=EVIL, caption=EVIL, alt=EVIL, id_name=EVIL)


def test_hostile_texts_write_nothing_into_the_page():
    text = page(*evil_map())
    found = Elements(text).found
    assert [tag for tag, _ in found if tag in ("img", "iframe", "object", "link", "base")] == []
    assert [a.get("type") for tag, a in found if tag == "script"] == [
        "application/json", "application/octet-stream", "module",
    ]  # fmt: skip
    assert not any(name.startswith("on") for _, a in found for name in a)
    assert not any("src" in a or "href" in a for _, a in found)


def test_the_policy_names_script_and_style_by_their_hash_and_allows_no_request():
    elements = Elements(page(*evil_map()))
    policy = next(a["content"] for _, a in elements.found if a.get("http-equiv"))
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "connect-src" not in policy
    for (tag, attributes), text in zip(elements.found, elements.texts, strict=True):
        if tag == "style" or attributes.get("type") == "module":
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy


def test_a_page_holds_the_map_and_the_same_map_gives_the_same_page():
    tileset, container = evil_map()
    text = page(tileset, container)
    assert text == page(*evil_map())
    told, data = (
        re.search(rf'id="gputsne-{name}">(.*?)</script>', text)[1] for name in ("tileset", "data")
    )
    assert json.loads(told)["title"] == EVIL
    assert zlib.decompress(base64.b64decode(data)) == container


def test_texts_that_utf8_cannot_write():
    tileset, container = contents(Y, [read("a", ["\ud83d"] * N, N)], title="\ud83d", alt="\udfff")
    assert page(tileset, container).encode()


def test_points_come_in_an_order_of_chance_that_is_the_same_each_time():
    label = Column("kind", "category", np.repeat([0, 1], N // 2).astype(np.uint8), ("a", "b"))
    tileset, container = contents(Y, [label])
    _, found = unpack(container)
    rows = found["id"]
    assert sorted(rows.tolist()) == list(range(N))
    assert rows.tolist() != list(range(N))
    np.testing.assert_array_equal(found["x"], Y[rows, 0])
    np.testing.assert_array_equal(found["y"], Y[rows, 1])
    np.testing.assert_array_equal(found["c0"], label.values[rows])
    assert tileset["colour"] == "c0"
    assert contents(Y, [label])[1] == container


def test_ids_of_the_user_are_what_a_selection_is_told_by():
    names = [f"id {i}" for i in range(N)]
    _, found = unpack(contents(Y, ids=names)[1])
    where = [names.index(name) for name in found["id"]]
    np.testing.assert_array_equal(found["x"], Y[where, 0])


@pytest.mark.parametrize(
    ("values", "kind", "dtype"),
    [
        ([f"text {i}" for i in range(N)], "text", None),
        (["a", None, "b"] * (N // 3), "category", np.uint8),
        ([True, False] * (N // 2), "category", np.uint8),
        (np.arange(N) % 5, "category", np.uint8),
        (np.arange(N), "number", np.float32),
        (np.arange(N) + 2**30, "number", np.float64),  # whole numbers that float32 would merge
        (np.arange(N) / 7, "number", np.float64),
        (np.arange(N) / 8, "number", np.float32),  # as they are
        (1e9 + np.arange(N) / 7, "number", np.float64),  # a narrow range far from 0
        (np.linspace(0, 1e300, N), "number", np.float64),
        (np.array([0, 2**63] * (N // 2), np.uint64) + np.arange(N, dtype=np.uint64), "text", None),
        (np.arange("2020-01-01", "2020-03-01", dtype="M8[D]"), "number", np.float64),
        ([np.nan] * N, "number", np.float32),
    ],
    ids=str,
)
def test_what_a_column_holds_says_how_it_is_shown(values, kind, dtype):
    column = read("a", values, N)
    assert column.kind == kind
    if dtype is not None:
        assert column.values.dtype == dtype
    json.dumps(column.about("a"), allow_nan=False)


def test_what_is_missing_stays_missing():
    column = read("a", ["b", None, "c"] * (N // 3), N)
    assert column.categories == ("b", "c")
    assert column.values[:3].tolist() == [0, 2, 1]  # 2: beyond the categories
    numbers = read("a", [None, 0.5] * (N // 2), N)
    assert np.isnan(numbers.values[0])
    assert numbers.limits == (0.5, 0.5)
    assert read("a", [None, *map(str, range(N - 1))], N).values[0] == ""


def test_dates_are_days_and_long_texts_are_cut():
    dates = read("a", np.array(["1970-01-02T12"] * N, dtype="M8[h]"), N)
    assert dates.dates
    assert dates.values[0] == 1.5
    long = read("a", [f"{i} {'x' * 1000}" for i in range(N)], N)
    assert len(long.values[0]) == MAX_TEXT


def test_columns_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"column 'a' has shape \(3,\), but the map has 60 rows"):
        read("a", [1, 2, 3], N)


def test_a_folder_of_tiles_has_its_index_and_all_that_it_loads():
    files = folder({"title": EVIL, "rows": 5, "alt": EVIL}, theme="dark")
    index = files["index.html"].decode()
    elements = Elements(index).found
    loaded = [a.get("src") or a.get("href") for _, a in elements]
    assert {x for x in loaded if x} <= set(files) | {"tileset.json"}
    policy = next(a["content"] for _, a in elements if a.get("http-equiv"))
    assert "unsafe" not in policy
    assert "'sha256" not in policy
    assert next(a["data-asked"] for tag, a in elements if tag == "main") == "dark"
    assert [tag for tag, _ in elements if tag == "img"] == []
    with pytest.raises(ValueError, match="theme='pink' is none of auto, light, dark"):
        folder({}, theme="pink")
