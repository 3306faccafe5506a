"""What a run may cost: its own limit, budgets of a month, and runs that go on at the same time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from stores import root_of, run_of

import gputsne
from gputsne.accounts import Budget, Prediction, Terms
from gputsne.accounts.periods import month_of
from gputsne.base.errors import OverBudget
from gputsne.provenance import Run
from gputsne.provenance.outcome import outcome_of
from gputsne.provenance.run import new_id

HOUR = Prediction(3600.0, 1800.0, 7200.0, "a test")
SEARCH = {"team": "search"}


@pytest.fixture
def store(tmp_path):
    return gputsne.Store(tmp_path / "store")


def terms(store=None, **more):
    return Terms(price_per_hour=10.0, currency="EUR", store=store, **more)


def budget(amount, store, **more):
    held = Budget("team", "search", Decimal(amount))
    return terms(store, budgets=(held,), **more)


def now_run(**more):
    """Return a run of this month."""
    return Run(id=new_id(datetime.now(UTC)), price_per_hour=10.0, tags=SEARCH, **more)


def begun(store, cost=None, **more):
    run = now_run(**more)
    store.begin(run)
    if cost is not None:
        store.expect(run.id, {"predicted_cost": cost, "currency": "EUR"})
    return run.id


def test_within_the_limit_the_record_says_what_was_expected():
    told = terms(max_cost=10.0).check(HOUR, "cpu")
    assert told == {
        "currency": "EUR", "max_cost": 10.0, "predicted_seconds": 3600.0, "predicted_low": 1800.0,
        "predicted_high": 7200.0, "predicted_by": "a test", "predicted_cost": 10.0,
    }  # fmt: skip


def test_above_the_limit_a_run_is_refused_with_seconds_price_and_what_would_fit():
    with pytest.raises(OverBudget) as caught:
        terms(max_cost=19.99, replicas=2).check(HOUR, "cpu", lambda share: [f"{share:.4f}"])
    said = str(caught.value)
    assert "3.6e+03 s (1.8e+03 to 7.2e+03, by a test) and cost 20.00 EUR" in said
    assert "10.00 EUR per hour x 2 machines, above --max-cost 19.99 EUR" in said
    assert "within it, by the model: 0.9995" in said
    ended = outcome_of(caught.value)
    assert (ended.exit_code, ended.status) == (4, "over budget")


def test_seconds_that_a_limit_buys():
    assert terms(max_cost=5.0, replicas=2).seconds == pytest.approx(900.0)
    assert Terms(price_per_hour=0.0, max_cost=5.0).seconds is None
    assert terms().seconds is None


def test_what_can_not_be_predicted_is_refused_unless_it_stops_by_itself():
    with pytest.raises(OverBudget, match=r"can't be predicted.*--stop-at-cost"):
        terms(max_cost=1.0).check(None, "cuda")
    assert terms(max_cost=1.0, stops=True).check(None, "cuda")["max_cost"] == 1.0
    assert terms().check(None, "cuda") == {"currency": "EUR"}


def test_a_months_budget_counts_what_runs_with_the_tag_have_cost(store):
    for seconds, more in ((3600.0, {}), (1800.0, {"status": "failed"})):
        store.put(now_run(seconds=seconds, spending={"currency": "EUR"}, **more))
    store.put(now_run(seconds=36e5, spending={"currency": "USD"}))  # another currency
    store.put(run_of(40, 9, seconds=36e5, price_per_hour=10.0, tags=SEARCH))  # another month
    store.put(Run(seconds=36e5, price_per_hour=10.0, tags={"team": "maps"}))  # another tag
    budget("25", store).check(HOUR, "cpu")
    with pytest.raises(OverBudget) as caught:
        budget("24.99", store).check(HOUR, "cpu")
    month = month_of(datetime.now(UTC)).name
    assert f"team=search have cost 15.00 EUR of 24.99 EUR in {month} (UTC)" in str(caught.value)
    assert budget("0", store, ignored="end of quarter").check(HOUR, "cpu")["budget_ignored"]


def test_runs_without_a_price_are_told_of(store):
    store.put(Run(seconds=36.0, tags=SEARCH))
    with pytest.warns(UserWarning, match="1 runs with the tag team=search have no price"):
        budget("10", store).check(HOUR, "cpu")


def test_runs_under_way_and_killed_ones_count_with_what_they_were_expected_to_cost(store):
    begun(store, 10.0)  # running: this process
    me = begun(store)
    with pytest.raises(OverBudget, match=r"have cost 10\.00 EUR"):
        budget("19.99", store).check(HOUR, "cpu", id=me)
    noted = {held.id: held.run["spending"] for held in store.unfinished()}
    assert noted[me]["predicted_cost"] == 10.0  # before the sum was made
    store.end(me)  # as a job does that was refused
    budget("20", store).check(HOUR, "cpu", id=(other := begun(store)))
    store.end(other)
    assert len(store.unfinished()) == 1
    assert len([*(root_of(store) / "expected").iterdir()]) == 1


def test_two_at_once_never_both_pass_where_only_one_may(store):
    # Either order of the two notes and the two sums; each writes before it adds up.
    ids = [begun(store), begun(store)]
    store.expect(ids[0], budget("15", store).told(HOUR))
    with pytest.raises(OverBudget):
        budget("15", store).check(HOUR, "cpu", id=ids[1])
    with pytest.raises(OverBudget, match=r"10\.00 EUR of 15\.00 EUR"):
        budget("15", store)._check_budget(budget("15", store).budgets[0], HOUR, Decimal(10), ids[0])


def test_last_month_is_not_this_month():
    month = month_of(datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))
    assert datetime(2026, 11, 1, tzinfo=UTC) in month
    assert datetime(2026, 12, 1, tzinfo=UTC) not in month
    assert datetime(2026, 12, 1, tzinfo=UTC) - timedelta(microseconds=1) in month
