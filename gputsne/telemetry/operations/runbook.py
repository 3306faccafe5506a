"""RUNBOOK.md: a heading for each alert and for each rule that runs are held against."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from typing import Final

from gputsne.data import require
from gputsne.judging.rules import Rule
from gputsne.telemetry.operations.alert import action_of, filled, plain_words
from gputsne.telemetry.operations.alerts import ALERTS
from gputsne.telemetry.operations.settings import Settings

__all__ = ["PROFILES", "anchors", "runbook"]

PROFILES: Final = ("ci", "preprod", "prod", "incident", "stream", "diagnose")


def runbook(rules: Mapping[str, Rule], settings: Settings) -> str:
    """Return the text of ``RUNBOOK.md``.

    Parameters
    ----------
    rules : mapping of str to Rule
        By id; those of profiles for runs have headings.
    settings : Settings
        Of the site.

    Returns
    -------
    str

    Raises
    ------
    DependencyMissing
        jinja2 isn't installed.
    """
    require("jinja2", "writing RUNBOOK.md")
    from jinja2 import Environment, StrictUndefined

    source = resources.files("gputsne.telemetry").joinpath("templates", "RUNBOOK.md.j2")
    alerts = []
    for alert in ALERTS:
        alerts.append({
            "name": alert.name, "title": alert.title, "severity": alert.severity,
            "lasts": alert.lasts, "source": alert.source.rstrip("."), "rule": alert.rule,
            "expr": filled(alert.expr, alert, rules, settings),
            "action": action_of(alert, rules),
        })  # fmt: skip
    shown = {alert.rule for alert in ALERTS}
    chosen = [r for r in rules.values() if shown & {r.id} or set(PROFILES) & set(r.profiles)]
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    environment.filters["plain"] = plain_words
    template = environment.from_string(source.read_text(encoding="utf-8"))
    return template.render(alerts=alerts, rules=chosen)


def anchors(text: str) -> set[str]:
    """Return the anchors of a Markdown text's headings, as GitHub makes them.

    Parameters
    ----------
    text : str
        Markdown.

    Returns
    -------
    set of str

    Examples
    --------
    >>> anchors("# The end")
    {'the-end'}
    """
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
