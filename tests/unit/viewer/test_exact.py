"""Nothing is lost on the way to a page: places far from 0, digits of numbers, ids."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

from gputsne.base.places import in_float32
from gputsne.viewer import Column, contents, folder, page, unpack
from gputsne.viewer.contents import numbers, read
from gputsne.viewer.ids import keys_of

N = 60
Y = np.random.default_rng(0).normal(size=(N, 2))


@pytest.mark.parametrize(
    "far",
    [Y + 5.1e6, Y + 1e8, Y * 1e-300, Y * 1e300, Y * 1e-300 + 1e-290, Y + np.array([0, -1e9])],
    ids=["5e6", "1e8", "tiny", "huge", "tiny and far", "one axis"],
)
def test_a_map_keeps_its_shape_wherever_it_lies(far):
    rows = unpack(contents(far)[1])[1]
    drawn = np.stack([rows["x"], rows["y"]], axis=1).astype(np.float64)
    exact = far[rows["id"]] / np.ptp(far, axis=0).max()
    exact -= exact[0]
    drawn = drawn / np.ptp(drawn, axis=0).max()
    # 2^-17 of the width is half a step of float32 at 2^8 widths; beyond the map was moved.
    spacing = np.spacing(np.abs(far).max()) / np.ptp(far, axis=0).max()
    np.testing.assert_allclose(drawn - drawn[0], exact, atol=2.0**-15 + 4 * spacing)


def test_a_usual_map_is_as_it_was():
    np.testing.assert_array_equal(in_float32(Y + 3), (Y + 3).astype(np.float32))
    same = np.full((3, 2), 1e8)
    assert np.isfinite(in_float32(same)).all()


def exact_values(column):
    return [column.base + int(v) for v in column.values]


def test_whole_numbers_beyond_2_53_keep_their_digits():
    given = 2**53 + 1 + np.arange(N)
    column = read("a", given, N)
    assert column.kind == "number"
    assert exact_values(column) == given.tolist()
    assert column.about("c0")["base"] == str(2**53 + 1)
    assert column.limits == (0, N - 1)
    unsigned = np.uint64(2**64 - N) + np.arange(N, dtype=np.uint64)
    assert exact_values(numbers("a", unsigned)) == unsigned.tolist()
    below = -(2**60) + np.arange(N)
    column = numbers("a", below, limits=(-(2.0**60), -(2.0**60) + 1024))
    assert exact_values(column) == below.tolist()
    assert column.limits == (0, 1024)
    wide = np.array([-(2**62), 2**62] * (N // 2)) + np.arange(N)
    assert read("a", wide, N).values == [str(v) for v in wide.tolist()]


@pytest.mark.parametrize("values", [1234567.89 + np.arange(N), 1e9 + 1e-7 * np.arange(N), Y[:, 0]])
def test_numbers_are_kept_as_they_were(values):
    np.testing.assert_array_equal(read("a", values, N).values, values)


def test_ids_are_numbers_where_a_uint32_holds_them_and_text_with_all_digits_elsewhere():
    keys, title = keys_of(np.arange(N) + 7, N)
    assert (keys.dtype, title) == (np.uint32, "id")
    assert keys.tolist() == list(range(7, N + 7))
    for big in (2**53 + 1 + np.arange(N), np.arange(N) - 3, 2**32 + np.arange(N)):
        assert keys_of(big, N)[0] == [str(v) for v in big.tolist()]
    assert keys_of(["a", None, "b\ud83d"], 3)[0] == ["a", "", "b\ufffd"]
    days = np.array(["2020-01-01", "2020-01-02"], "M8[D]")
    assert keys_of(days, 2)[0][0].startswith("2020-01-01")
    with pytest.raises(ValueError, match="ids has shape"):
        keys_of([1, 2], 3)


class Unscripted(HTMLParser):
    """What a reader without JavaScript has, up to the map's element."""

    def __init__(self, html):
        super().__init__()
        self.within, self.text, self.map = False, [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.map |= tag == "main"
        self.within = tag == "noscript" or (self.within and tag in ("h1", "p"))

    def handle_endtag(self, tag):
        self.within = self.within and tag != "noscript"

    def handle_data(self, data):
        if self.within and not self.map:
            self.text.append(data)


def test_without_javascript_title_alt_and_caption_are_read_above_the_empty_map():
    column = Column("k", "category", np.zeros(N, np.uint8), ("a",), ("#aa0000",))
    made = contents(Y, [column], title="Title & <b>", alt="An alt.", caption="A caption.")
    index = folder(made[0])["index.html"].decode()
    for html in (page(*made), index):
        said = Unscripted(html).text
        assert said[:3] == ["Title & <b>", "An alt.", "A caption."]
        assert "JavaScript" in said[3]
