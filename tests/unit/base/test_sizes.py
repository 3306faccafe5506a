"""Amounts of memory: what is read, and what messages say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import gputsne
from gputsne.base.sizes import bytes_of, size_text


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("10", 10),
        ("8G", 8 * 1024**3),
        ("8GiB", 8 * 1024**3),
        ("8GB", 8 * 10**9),
        (" 1.5 kb ", 1500),
        ("2t", 2 * 1024**4),
        ("1 B", 1),
    ],
)
def test_amounts_are_read(text, amount):
    assert bytes_of(text) == amount


@pytest.mark.parametrize("text", ["", "G", "-1G", "0", "1e9", "8 apples", "nan", "9999999T", "٣G"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match="isn't an amount of memory such as 8G"):
        bytes_of(text)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (2_500_000, "2.5 MB"),
     (10_000_000, "0.01 GB"), (260_000_000, "0.26 GB"), (3e12, "3000.00 GB")],
)  # fmt: skip
def test_messages_show_digits(amount, text):
    assert size_text(amount) == text


def test_messages_leave_the_unit_to_size_text():
    """``{size / 1e9:.2f} GB`` says 0.00 GB of all that is small."""
    package = Path(gputsne.__file__).parent
    own = [p.name for p in package.rglob("*.py") if re.search(r"\} ?GB", p.read_text("utf-8"))]
    assert own == ["sizes.py"]
