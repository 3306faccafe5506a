"""The file for Alertmanager: one message per model and pipeline, to its owner, mute windows.

Alerts carry no label of a run, a process or a machine, so a job that fails again and again is one
alert; the latest run's id stands in its annotations.
"""

from __future__ import annotations

from typing import Any, Final

from gputsne.telemetry.operations.settings import Settings

__all__ = ["routing"]

DEFAULT: Final = "http://localhost:9099/alerts"
MUTED: Final = "tickets-wait"
SERVICE: Final = ["model", "pipeline"]


def routing(settings: Settings) -> dict[str, Any]:
    """Return the content of ``alertmanager.yml``.

    Parameters
    ----------
    settings : Settings
        Owners and their webhooks, and when tickets wait.

    Returns
    -------
    dict
    """
    owners = {"default": DEFAULT, **settings.owners}
    days = [str(day) for day in settings.mute.get("weekdays", ["saturday", "sunday"])]
    tickets: dict[str, Any] = {"matchers": ['severity="ticket"'], "repeat_interval": "24h"}
    if days:
        tickets["mute_time_intervals"] = [MUTED]
    own: list[dict[str, Any]] = []
    for owner in owners:
        if owner != "default":
            own.append({
                "matchers": [f'owner="{_quoted(owner)}"'],
                "receiver": owner,
                "routes": [dict(tickets), {"matchers": ['severity="page"']}],
            })  # fmt: skip
    return {
        "route": {
            "receiver": "default",
            "group_by": SERVICE,
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "4h",
            "routes": [*own, {**tickets, "receiver": "default"}],
        },
        "inhibit_rules": [
            {  # who is called about a job needn't read that its map is old, or is not what it was
                "source_matchers": ['severity="page"'],
                "target_matchers": ['severity="ticket"', 'alertname=~"Gputsne.*"'],
                "equal": [*SERVICE, "owner"],
            },
        ],
        "time_intervals": [
            {"name": MUTED, "time_intervals": [{"weekdays": days}]},
        ] if days else [],
        "receivers": [
            {"name": owner, "webhook_configs": [{"url": url, "send_resolved": True}]}
            for owner, url in owners.items()
        ],
    }  # fmt: skip


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
