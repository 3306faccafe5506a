"""Bills: decimals, totals that equal their sums, currencies apart, and a CSV that runs nothing."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gputsne.accounts import bill
from gputsne.accounts.billing import OF_LINE, cost_of, priced_at, safe_cell
from gputsne.provenance import Run
from gputsne.runs.attempts import KILLED, RUNNING, Attempt

EUR, USD = {"currency": "EUR"}, {"currency": "USD"}


def run(id, seconds=3600.0, price=1.0, **more):
    return Run(id=f"{id}-00000000", seconds=seconds, price_per_hour=price, **more)


def attempt(id, state=KILLED, **more):
    return Attempt(f"{id}-00000001", state, "h", 1, more)


def read(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


@given(st.floats(0, 1e7), st.floats(0, 1e4, allow_subnormal=False), st.integers(1, 1000))
def test_a_cost_is_the_product_to_the_millionth(seconds, price, replicas):
    exact = Fraction(repr(seconds)) * Fraction(repr(price)) * replicas / 3600
    told = priced_at(seconds, price, replicas)
    # Half a millionth by rounding; 28 digits of a decimal's product are beyond it up to 10^20.
    assert abs(Fraction(told) - exact) <= Fraction(1, 1_999_999)
    assert told.as_tuple().exponent == -6


def test_the_seeds_example():
    assert cost_of(Run(seconds=36.0, price_per_hour=10.0)) == Decimal("0.100000")
    assert cost_of(Run(seconds=36.0)) is None
    assert cost_of(Run(price_per_hour=10.0)) is None


def test_one_line_for_each_tag_month_and_currency():
    runs = [
        run("20261031T235959Z", tags={"team": "a"}, spending=EUR),
        run("20261101T000000Z", tags={"team": "a"}, spending=EUR, replicas=2),
        run("20261102T000000Z", tags={"team": "a"}, spending=EUR, status="failed", seconds=1800.0),
        run("20261103T000000Z", tags={"team": "a"}, spending=USD),
        run("20261104T000000Z", tags={"team": "b"}, price=None),
        run("20261105T000000Z"),
    ]
    attempts = [
        attempt("20261106T000000Z", tags={"team": "a"}, spending={**EUR, "predicted_cost": 0.25}),
        attempt("20261107T000000Z", tags={"team": "a"}, spending=EUR),
        attempt("20261108T000000Z", RUNNING, tags={"team": "a"}, spending={"predicted_cost": 9.0}),
    ]
    found = bill(runs, attempts, ["tag.team", "month"])
    rows = read(found.csv())
    assert list(rows[0]) == ["tag.team", "month_utc", *OF_LINE]
    told = {(r["tag.team"], r["month_utc"], r["currency"]): r for r in rows}
    assert set(told) == {
        ("a", "2026-10", "EUR"), ("a", "2026-11", "EUR"), ("a", "2026-11", "USD"),
        ("b", "2026-11", ""), ("", "2026-11", ""),
    }  # fmt: skip
    assert {k: told["a", "2026-11", "EUR"][k] for k in OF_LINE} == {
        "currency": "EUR", "runs": "2", "failed_runs": "1", "killed_runs": "2",
        "runs_without_price": "1", "hours": "2.500000", "cost": "2.500000",
        "killed_cost": "0.250000", "total": "2.750000",
    }  # fmt: skip
    assert told["b", "2026-11", ""]["runs_without_price"] == "1"
    assert found.totals == {"": Decimal(1), "EUR": Decimal("3.75"), "USD": Decimal(1)}


@given(st.lists(st.tuples(
    st.floats(0, 1e6), st.floats(0, 100), st.sampled_from(["EUR", "USD"]), st.sampled_from("abc")
), max_size=30))  # fmt: skip
def test_totals_equal_the_sums_of_their_lines_to_the_last_digit(rows):
    runs = [
        run(
            "20261101T000000Z", seconds, price, spending={"currency": currency}, tags={"team": team}
        )
        for seconds, price, currency, team in rows
    ]
    lines = read(bill(runs, (), ["tag.team"]).csv())
    whole = bill(runs)
    for currency, total in whole.totals.items():
        assert sum(Decimal(r["total"]) for r in lines if r["currency"] == currency) == total
        assert total == sum(cost_of(r) for r in runs if r.spending["currency"] == currency)
    assert sum(int(r["runs"]) for r in lines) == len(rows)


HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "'=x", 'a,"b"', "é;ü", "-"]


@pytest.mark.parametrize("tag", HOSTILE)
def test_no_cell_is_a_formula_and_every_tag_can_be_read_back(tag):
    runs = [run("20261101T000000Z", tags={"team": tag})]
    text = bill(runs, (), ["tag.team"]).csv()
    assert text.endswith("\r\n")
    assert text.count("\r\n") == 2 == text.count("\n")
    (row,) = read(text)
    cell = row["tag.team"]
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert (cell[1:] if cell.startswith("'") else cell) == tag


@given(st.text(max_size=8))
def test_a_cell_without_its_mark_is_the_text(text):
    cell = safe_cell(text)
    assert (cell[1:] if cell.startswith("'") else cell) == text
    assert not cell.startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize(
    ("by", "said"), [(["colour"], "by='colour' is neither"), (["day", "day"], "is there twice")]
)
def test_other_keys_are_refused(by, said):
    with pytest.raises(ValueError, match=said):
        bill([], (), by)
