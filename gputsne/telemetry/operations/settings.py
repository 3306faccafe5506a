"""Settings: what of the operating files is a site's own, from ``ops.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

from gputsne.accounts.levels import checked_targets
from gputsne.accounts.prices import Prices
from gputsne.base.errors import BadInput
from gputsne.telemetry.operations.addresses import is_target, is_webhook, is_weekdays
from gputsne.telemetry.operations.cluster import CLUSTER_TEMPLATE, Cluster
from gputsne.telemetry.operations.entries import FILE, check_known, refuse
from gputsne.telemetry.operations.serverless import SERVERLESS_TEMPLATE, Serverless

__all__ = ["FILE", "TEMPLATE", "Settings", "template"]

TARGETS: Final = ("node", "pushgateway", "serve", "alertmanager")
MUTED: Final = ("weekdays",)  # entries of [mute]

TEMPLATE: Final = (
    """\
# What is this site's own of the operating files. gputsne ops init DIR makes the others from this
# file, from the rules of gputsne check and from the table of metrics. docs/operate.md explains it.

period_hours = 24     # from one run of a pipeline to the next
uptime = 0.99         # share of the time in which the server is to answer
# rules = "ours.toml" # rules of your own, as gputsne check --rules reads them; beside this file
# currency = "EUR"    # of prices and budgets

# Where things are. {run} stands for the id of a run.
report_url = "http://localhost:8000/runs/{run}/report.html"
thumbnail_url = "http://localhost:8000/runs/{run}/thumb.png"
runbook_url = "RUNBOOK.md"
logs_url = "http://localhost:3000/explore"

[targets]             # host:port that Prometheus asks
node = ["localhost:9100"]
pushgateway = ["localhost:9091"]
serve = ["localhost:8000"]
alertmanager = ["localhost:9093"]

[owners]              # who is told: a webhook by the tag owner of a run; default is for all others
default = "http://localhost:9099/alerts"

# What an hour of each machine costs: gputsne embed --prices ops.toml --machine NAME. The figures
# are examples, of nobody's machines: write your own.
# [machines]
# example-small = 1.00
# example-large = 10.00

# What runs with a tag may cost in a month of the calendar, in UTC.
# [[budgets]]
# tag = "team=search"
# per_month = 200

[levels]              # service levels: share of the runs of 30 days that is to keep each
availability = 0.99   # ended well
latency = 0.95        # took no longer than the rule run_seconds allows
drift = 0.95          # drifted no further than the rule drift_map allows

[mute]                # when tickets wait; pages never do
weekdays = ["saturday", "sunday"]
"""
    + CLUSTER_TEMPLATE
    + SERVERLESS_TEMPLATE
)


def template(**cluster: int | None) -> str:
    """Return the text of a new ``ops.toml``.

    Parameters
    ----------
    **cluster : int or None
        Numbers of ``[cluster]`` by name, in place of those of the template; None for those.

    Returns
    -------
    str

    Raises
    ------
    BadInput
        One of them makes no sense.
    """
    text = TEMPLATE
    for name, value in cluster.items():
        if value is not None:
            text = re.sub(rf"(?m)^{name} = \d+", f"{name} = {value}", text)
    Settings.read_text(text)
    return text


@dataclass(frozen=True)
class Settings:
    """What is a site's own.

    Attributes
    ----------
    period_hours : float
        From one run of a pipeline to the next.
    uptime : float
        Share of the time in which the server is to answer, above 0.5 and below 1.
    rules : str or None
        File of rules of one's own, beside ``ops.toml``.
    report_url, thumbnail_url, runbook_url, logs_url : str
        Where things are; ``{run}`` stands for the id of a run.
    targets : mapping of str to list of str
        ``host:port`` of node, pushgateway, serve and alertmanager.
    owners : mapping of str to str
        Webhook by the tag ``owner`` of a run, and ``default``.
    mute : mapping
        ``weekdays`` on which tickets wait.
    cluster : Cluster
        Of the manifests for Kubernetes.
    serverless : Serverless
        Of the function of AWS Lambda.
    currency, machines, budgets
        As ``Prices.from_tables`` reads them.
    levels : mapping of str to float
        Share of runs that is to keep each service level, above 0.5 and below 1.
    """

    period_hours: float = 24
    uptime: float = 0.99
    rules: str | None = None
    report_url: str = "http://localhost:8000/runs/{run}/report.html"
    thumbnail_url: str = "http://localhost:8000/runs/{run}/thumb.png"
    runbook_url: str = "RUNBOOK.md"
    logs_url: str = "http://localhost:3000/explore"
    targets: Mapping[str, list[str]] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    mute: Mapping[str, Any] = field(default_factory=dict)
    cluster: Cluster = field(default_factory=Cluster)
    serverless: Serverless = field(default_factory=Serverless)
    currency: str | None = None
    machines: Mapping[str, float] = field(default_factory=dict)
    budgets: tuple[Mapping[str, Any], ...] | list[Mapping[str, Any]] = ()
    levels: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.period_hours, int | float) or not 0 < self.period_hours <= 744:
            raise BadInput(
                f"{FILE}: period_hours = {self.period_hours!r} must be a number of hours, at most "
                "744, a month"
            )
        if not isinstance(self.uptime, float) or not 0.5 < self.uptime < 1:
            raise BadInput(f"{FILE}: uptime = {self.uptime!r} must lie between 0.5 and 1, say 0.99")
        for table in ("targets", "owners", "mute"):
            if not isinstance(getattr(self, table), Mapping):
                raise BadInput(f"{FILE}: {table} = {getattr(self, table)!r} must be a [table]")
        for name in ("report_url", "thumbnail_url", "runbook_url", "logs_url"):
            if not isinstance(getattr(self, name), str):
                raise BadInput(f"{FILE}: {name} = {getattr(self, name)!r} must be text")
        self._check_addresses()
        object.__setattr__(self, "levels", checked_targets(self.levels, FILE))
        prices = self.prices
        if self.cluster.machine is not None:
            prices.price_of(self.cluster.machine)

    def _check_addresses(self) -> None:
        for owner, url in self.owners.items():
            if not is_webhook(url):
                refuse(f"owners.{owner}", url,
                       "the address of a webhook, say 'http://localhost:9099/alerts'")  # fmt: skip
        check_known(self.targets, TARGETS, f"{FILE}: [targets]")
        for name, hosts in self.targets.items():
            if not isinstance(hosts, list):
                refuse(f"targets.{name}", hosts, "a list of host:port")
            for host in hosts:
                if not is_target(host):
                    refuse(f"targets.{name}", host,
                           "host:port, say 'localhost:9100', with a port up to 65535 and "
                           "without http://")  # fmt: skip
        check_known(self.mute, MUTED, f"{FILE}: [mute]")
        days = self.mute.get("weekdays", [])
        if not isinstance(days, list):
            refuse("mute.weekdays", days, "a list of weekdays, say ['saturday', 'sunday']")
        for day in days:
            if not is_weekdays(day):
                refuse("mute.weekdays", day,
                       "a weekday by its English name, say 'saturday', or several as "
                       "'monday:friday', from sunday on")  # fmt: skip

    @property
    def prices(self) -> Prices:
        """What the site pays, and its budgets."""
        return Prices.from_tables(FILE, self.currency, self.machines, self.budgets)

    @property
    def minutes(self) -> int:
        """The period in minutes."""
        return max(1, round(60 * self.period_hours))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read settings.

        Parameters
        ----------
        path : Path
            The TOML file.

        Returns
        -------
        Settings

        Raises
        ------
        BadInput
            It can't be read, or has entries that are none.
        """
        try:
            return cls.read_text(path.read_text(encoding="utf-8-sig"), str(path))
        except UnicodeDecodeError as error:
            raise BadInput(f"{path} is no TOML: {error}") from error
        except OSError as error:
            raise BadInput(f"{path}: {error.strerror}: write it with gputsne ops init") from error

    @classmethod
    def read_text(cls, text: str, path: str = FILE) -> Self:
        """Read settings from TOML; ``path`` is named in messages."""
        try:
            told = tomllib.loads(text)
        except ValueError as error:
            raise BadInput(f"{path} is no TOML: {error}") from error
        check_known(told, [f.name for f in fields(cls)], path)
        try:
            if "cluster" in told:
                told["cluster"] = Cluster.read(told["cluster"], path)
            if "serverless" in told:
                told["serverless"] = Serverless.read(told["serverless"], path)
            return cls(**told)
        except BadInput as error:  # entries know no file, and name the usual one
            said = str(error).removeprefix(f"{path}:").removeprefix(f"{FILE}:")
            raise BadInput(f"{path}:{said}") from error
