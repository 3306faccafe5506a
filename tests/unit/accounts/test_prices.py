"""The table of prices and budgets that a site owns: what is read, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gputsne.accounts import Prices
from gputsne.base.errors import BadInput
from gputsne.telemetry.operations import Settings

GIVEN = """
currency = "EUR"
[machines]
small = 0.8
large = 10
[[budgets]]
tag = "team=search"
per_month = 200
[[budgets]]
tag = "cost_centre=a=b"
per_month = 0.1
"""


def test_prices_machines_and_budgets_are_read_from_one_file():
    prices = Settings.read_text(GIVEN).prices
    assert prices.currency == "EUR"
    assert (prices.price_of("small"), prices.price_of("large")) == (0.8, 10.0)
    (held,) = prices.budgets_of({"team": "search", "model": "m"})
    assert (str(held), held.per_month) == ("team=search", Decimal("200.0"))
    (held,) = prices.budgets_of({"cost_centre": "a=b"})
    assert held.per_month == Decimal("0.1")  # as it is written, not as a float holds it
    assert prices.budgets_of({"team": "maps"}) == ()


def test_a_site_without_prices_has_none():
    prices = Settings().prices
    assert (prices.currency, dict(prices.machines), prices.budgets) == (None, {}, ())
    with pytest.raises(BadInput, match="machine='big' has no price; machines with one: none"):
        prices.price_of("big")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("currency = 3", "currency = 3 must be a word"),
        ('currency = "=1+1"', "currency = '=1\\+1' must be a word"),
        ("machines = 3", "machines = 3 must be a"),
        ("[machines]\na = -1", "machines.a = -1 must be the price of an hour"),
        ("[machines]\na = nan", "machines.a = nan must be"),
        ("[machines]\na = inf", "machines.a = inf must be"),
        ("[machines]\na = true", "machines.a = True must be"),
        ('[machines]\na = "3"', "machines.a = '3' must be"),
        ("budgets = 3", r"budgets = 3 must be \[\[budgets\]\]"),
        ("[[budgets]]\nper_month = 3", "tag = None must be a tag"),
        ('[[budgets]]\ntag = "team"\nper_month = 3', "tag = 'team' must be a tag"),
        ('[[budgets]]\ntag = "team=a"', "per_month = None must be an amount"),
        ('[[budgets]]\ntag = "team=a"\nper_month = -1', "per_month = -1 must be an amount"),
        ('[[budgets]]\ntag = "team=a"\nper_year = 1', "unknown entry 'per_year'"),
        ("machine = 3", "unknown entry 'machine'; did you mean 'machines'"),
    ],
)
def test_what_is_no_price_is_refused_with_its_place(text, said):
    with pytest.raises(BadInput, match=said):
        Settings.read_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "[machines]\nneg = -1", "currency = 3", "levels = 3", "period_hours = 0", "uptime = 2.0",
        "owners = 3", "[cluster]\nimage = 3", "cluster = 3", "machine = 3", "[mute", "budgets = 3",
    ],
)  # fmt: skip
def test_a_message_names_the_file_that_was_given(tmp_path, text):
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        Settings.read(path)
    assert str(caught.value).startswith(f"{path}")
    assert "ops.toml" not in str(caught.value)


def test_the_template_of_a_site_names_no_price():
    from gputsne.telemetry.operations.settings import TEMPLATE

    assert Settings.read_text(TEMPLATE).prices == Prices()
    told = TEMPLATE
    for line in ('currency = "EUR"    # of prices and budgets', "[machines]",
                 "example-small = 1.00", "[[budgets]]", 'tag = "team=search"',
                 "per_month = 200"):  # fmt: skip
        told = told.replace(f"# {line}\n", f"{line}\n")
    prices = Settings.read_text(told).prices  # the examples are sound
    assert prices.currency == "EUR"
    assert dict(prices.machines) == {"example-small": 1.0}
    assert len(prices.budgets) == 1
