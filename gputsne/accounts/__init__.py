"""What runs cost and deliver: prices, predictions, budgets, bills, service levels, summaries.

``Prices`` is what a site pays, ``predict`` how long a run will take, ``Terms`` what a run may
cost. ``bill`` adds up what runs did cost, ``LEVELS`` are the service levels. Amounts of money are
decimals; periods are those of the calendar, in UTC.
"""

from gputsne.accounts.billing import Bill, bill
from gputsne.accounts.prediction import Prediction, predict
from gputsne.accounts.prices import Budget, Prices
from gputsne.accounts.terms import Terms

__all__ = ["Bill", "Budget", "Prediction", "Prices", "Terms", "bill", "predict"]
