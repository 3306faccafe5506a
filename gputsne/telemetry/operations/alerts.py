"""The table of alerts, with their tests, and the table of recording rules.

A threshold that a gate has too is read from the rules: ``judging/rules.toml`` is its only place.
"""

from __future__ import annotations

from typing import Final

from gputsne.accounts.levels import LEFT
from gputsne.telemetry.operations.alert import Alert, Case

__all__ = ["ALERTS", "RECORDS"]

SERIES: Final = '{model="m", pipeline="p", owner="o"%s}'  # of tests


def of_service(metric: str, more: str = "") -> str:
    """Return a series of the service that tests know."""
    return metric + SERIES % (f", {more}" if more else "")


def _drift(name: str, title: str, rule: str, evidence: str) -> Alert:
    score = of_service("gputsne_drift_score", f'drift="{evidence}"')
    firing = 'ALERTS{alertname="$name", alertstate="firing"}'
    return Alert(
        name, title,
        f"max by ($by) ($series) $fails or max by ($by) ($series) $clear and on ($by) {firing}",
        "ticket", "S1, alerting guidance: drift above its threshold, not for a moment",
        (
            Case("twice the limit for 40 minutes", {score: "${high}x12"}, "40m", True),
            Case("it has not lasted", {score: "${high}x12"}, "20m", False),
            Case("half the limit", {score: "${low}x24"}, "1h", False),
            Case("flapping around the limit",
                 {score: " ".join(["$under", "$over"] * 24)}, "3h", False),
            Case("once it fires, values between clear level and limit keep it",
                 {score: "${high}x12 ${under}x24"}, "2h", True),
            Case("below the clear level it ends", {score: "${high}x12 ${low}x24"}, "2h", False),
        ),
        rule=rule, evidence=evidence, lasts="30m",
    )  # fmt: skip


def _at_once(name: str, title: str, rule: str, evidence: str, metric: str, source: str) -> Alert:
    series = of_service(metric)
    return Alert(
        name, title, "max by ($by) ($series) $fails", "ticket", source,
        (
            Case("over the limit", {series: "${over}x3"}, "10m", True),
            Case("within the limit", {series: "${under}x3"}, "10m", False),
        ),
        rule=rule, evidence=evidence,
    )  # fmt: skip


def _disparity(name: str, title: str, rule: str, evidence: str) -> Alert:
    score = of_service("gputsne_disparity", f'disparity="{evidence}"')
    return Alert(
        name, title,
        "max by ($by) (min_over_time($series[$two])) $fails and "
        "max by ($by) ($series offset $two) $fails",
        "ticket", "S1, failure mode F4: not by one run; three in a row are here",
        (
            Case("three runs in a row", {score: "${high}x$many"}, "$late", True),
            Case("two runs", {score: "${high}x$many"}, "$period", False),
            Case("agreement", {score: "${low}x$many"}, "$late", False),
        ),
        rule=rule, evidence=evidence,
    )  # fmt: skip


FAILED: Final = of_service("gputsne_run_success")
SUCCEEDED: Final = of_service("gputsne_run_last_success_timestamp_seconds")
KILLS: Final = of_service("gputsne_runs_killed_total")
COST: Final = of_service("gputsne_run_cost")
MAX_COST: Final = of_service("gputsne_run_cost_max")
DONE_RUNS: Final = of_service("gputsne_runs_total", 'status="done"')
FAILED_RUNS: Final = of_service("gputsne_runs_total", 'status="failed"')
ENDED: Final = of_service("gputsne_run_ended_timestamp_seconds")
RUNNING: Final = of_service("gputsne_runs_in_progress")
STARTED: Final = of_service("gputsne_run_started_timestamp_seconds")
CHECKED: Final = of_service("gputsne_check_failed", 'profile="prod", rule="drift_map"')
# What kube-state-metrics tells of a container.
OF_POD: Final = 'kube_pod_container_status_%s{namespace="n", uid="a", container="gputsne"%s}'
OOM: Final = ', reason="OOMKilled"'
UP: Final = 'up{job="gputsne-serve", instance="a"}'


def _buckets(metric: str, labels: str, within: str, beyond: str, values: str) -> dict[str, str]:
    """Return series of a histogram whose observations lie between two of its bounds."""
    empty = values.split("+")[0] + "+0" + "x" + values.split("x")[1]
    return {
        f'{metric}_bucket{{{labels}, le="{within}"}}': empty,
        f'{metric}_bucket{{{labels}, le="{beyond}"}}': values,
        f'{metric}_bucket{{{labels}, le="+Inf"}}': values,
    }


OF_TOTAL: Final = 'model="m", pipeline="p", owner="o", stage="total"'
DURATION: Final = "gputsne_run_duration_seconds"
RUM: Final = "gputsne_rum_seconds"

ALERTS: Final = (
    Alert(
        "GputsneJobFailed", "A pipeline's latest run failed, and none has succeeded in its period",
        "max by ($by) (gputsne_run_success) == 0 unless on ($by) "
        "abs(time() - max by ($by) (gputsne_run_last_success_timestamp_seconds)) <= $seconds",
        "page", "S1, alerting guidance: page where a failing job hits dashboards",
        (
            Case("failed, last success too long ago",
                 {FAILED: "0x$many", SUCCEEDED: "0x$many"}, "$late", True),
            Case("failed, never a success", {FAILED: "0x10"}, "30m", True),
            Case("failed, and the last success was told by a clock a year ahead",
                 {FAILED: "0x$many", SUCCEEDED: "31536000x$many"}, "$early", True),
            Case("failed, but there is a fresh map",
                 {FAILED: "0x$many", SUCCEEDED: "0x$many"}, "$early", False),
            Case("succeeded", {FAILED: "1x$many", SUCCEEDED: "0x$many"}, "$late", False),
        ),
        "gputsne runs ls --store URI; gputsne runs show RUN says what ended it. Roll back "
        "meanwhile: gputsne runs rollback.", "run_done", lasts="5m",
    ),
    Alert(
        "GputsneOutOfMemory", "Runs are killed again and again, most often for want of memory",
        "sum by ($by) (increase(gputsne_runs_killed_total[1h])) > $killed or "
        'sum by ($by) (increase(gputsne_runs_total{status="over memory"}[1h])) > $killed or '
        "sum by (namespace) (max_over_time(kube_pod_container_status_terminated_reason"
        '{reason="OOMKilled", container="gputsne"}[1h])) > $killed or '
        "sum by (namespace) (increase(kube_pod_container_status_restarts_total"
        '{container="gputsne"}[1h]) and on (namespace, uid, container) '
        'kube_pod_container_status_last_terminated_reason{reason="OOMKilled", '
        'container="gputsne"} == 1) > $killed',
        "page", "S1, alerting guidance: page for OOM with repeated restarts",
        (
            Case("two kills in an hour", {KILLS: "0x3 1x3 2x3"}, "50m", True),
            Case("one kill", {KILLS: "0x3 1x8"}, "50m", False),
            Case("two kills three hours apart", {KILLS: "0x3 1x36 2x3"}, "210m", False),
            Case("two pods were killed", {
                f"kube_pod_container_status_terminated_reason{{namespace=\"n\", pod=\"{pod}\", "
                'container="gputsne", reason="OOMKilled"}': "1x6" for pod in "ab"
            }, "30m", True),
            Case("one pod was killed", {OF_POD % ("terminated_reason", OOM): "1x6"}, "30m", False),
            Case("one pod was killed and started again twice", {
                OF_POD % ("restarts_total", ""): "0x3 1x3 2x3",
                OF_POD % ("last_terminated_reason", OOM): "1x12",
            }, "50m", True),
            Case("one pod was started again once", {
                OF_POD % ("restarts_total", ""): "0x3 1x9",
                OF_POD % ("last_terminated_reason", OOM): "1x12",
            }, "50m", False),
            Case("one pod ended by itself and was started again", {
                OF_POD % ("restarts_total", ""): "0x3 1x3 2x3",
                OF_POD % ("last_terminated_reason", ', reason="Error"'): "1x12",
            }, "50m", False),
        ),
        rule="not_killed",
    ),
    Alert(
        "GputsneServiceDown", "The server burns its error budget",
        "gputsne:unavailability:avg1h > $burn and gputsne:unavailability:avg6h > $burn",
        "page", "S1, alerting guidance: page where the burn rate is above 2; indicator M10",
        (
            Case("down for six hours", {UP: "0x80"}, "380m", True),
            Case("down for hours, and up again for more than one",
                 {UP: "0x60 1x24"}, "380m", False),
            Case("up", {UP: "1x100"}, "380m", False),
        ),
        "Look at the server's log and at /readyz; restart it; roll the last change back.",
    ),
    _drift("GputsneDriftMap", "The map has drifted from its baseline's", "drift_map", "drift_map"),
    _drift("GputsneDriftData", "The data as a whole have drifted", "drift_data", "drift_mmd"),
    _drift("GputsneDriftColumns", "Columns have shifted", "drift_columns", "drift_shift"),
    _drift("GputsneDriftGroup", "A group of rows has grown or shrunk", "drift_group",
           "drift_group_change"),
    _drift("GputsneDriftNovel", "Rows lie where the baseline had none", "drift_novel",
           "drift_novel"),
    _disparity("GputsneSeedsDisagree", "Maps of the same rows differ from seed to seed",
               "not_reproducible", "seed_disparity"),
    _disparity("GputsneReplayDisagrees", "Replays of a run come to another map",
               "replay_agrees", "replay_disparity"),
    _at_once("GputsneNotConverged", "The KL divergence was still falling at the end",
             "not_converged", "kl_tail_drop", "gputsne_kl_tail_drop_ratio", "S1, indicator M8"),
    _at_once("GputsneKLRises", "The KL divergence rises during a fit", "kl_rises", "kl_rise",
             "gputsne_kl_rise_ratio", "S1, indicator M8"),
    Alert(
        "GputsneCostSpike", "A run costs far more than runs of the last 30 days",
        "max by ($by) (gputsne_run_cost) > $factor * gputsne:run_cost:median30d",
        "ticket", "S1, cost alerts",
        (
            Case("2.5 times the median", {COST: "1x20 2.5x5"}, "115m", True),
            Case("1.5 times the median", {COST: "1x20 1.5x5"}, "115m", False),
            Case("the first run", {COST: "9x5"}, "15m", False),
        ),
        "Compare with the run before: gputsne runs diff; gputsne runs cost --by tag.team says who "
        "spends.", "run_cost",
    ),
    Alert(
        "GputsneOverMaxCost", "A run has cost more than it was to",
        "max by ($by) (gputsne_run_cost) > on ($by) max by ($by) (gputsne_run_cost_max)",
        "ticket", "S1, cost overruns",
        (
            Case("twice --max-cost", {COST: "4x5", MAX_COST: "2x5"}, "15m", True),
            Case("half of it", {COST: "1x5", MAX_COST: "2x5"}, "15m", False),
            Case("no limit", {COST: "9x5"}, "15m", False),
        ),
        "gputsne runs show RUN has what was expected beside what it took; --stop-at-cost ends a "
        "run in time.", "run_cost",
    ),
    Alert(
        "GputsneErrorBudget", "The error budget of 30 days is spent",
        f"min by ($by, level) ({LEFT}) < 0",
        "ticket", "S1, service levels: error budgets",
        (
            Case("every second run fails", {
                DONE_RUNS: "0+1x40", FAILED_RUNS: "0+1x40", KILLS: "0x40"}, "3h", True),
            Case("every run ends well", {
                DONE_RUNS: "0+1x40", FAILED_RUNS: "0x40", KILLS: "0x40"}, "3h", False),
            Case("one run of 400 is killed", {
                DONE_RUNS: "0+10x40", FAILED_RUNS: "0x40", KILLS: "0x20 1x20"}, "3h", False),
        ),
        "gputsne runs summary --every month says which runs failed. No changes but repairs until "
        "the budget is back; or agree on another target in [levels] of ops.toml.",
    ),
    Alert(
        "GputsneLatency", "Runs take too long, 95th percentile",
        "gputsne:run_duration_seconds:p95 $fails",
        "ticket", "S1, indicator M1 and service levels: 95th percentile below 5 minutes",
        (
            Case("runs of six minutes", _buckets(DURATION, OF_TOTAL, "300.0", "600.0", "0+1x36"),
                 "3h", True),
            Case("runs of four minutes", _buckets(DURATION, OF_TOTAL, "120.0", "300.0", "0+1x36"),
                 "3h", False),
        ),
        rule="run_seconds", evidence="latency_s",
    ),
    Alert(
        "GputsneDashboardSlow", "Pages take too long to load, 95th percentile",
        "histogram_quantile(0.95, sum by (le) (rate(gputsne_rum_seconds_bucket"
        '{event="load"}[15m]))) > $load',
        "ticket", "S1, indicator M6",
        (
            Case("loads of 2 to 2.5 seconds", _buckets(RUM, 'event="load"', "2.0", "2.5", "0+9x20"),
                 "45m", True),
            Case("loads of 1.5 to 2 seconds", _buckets(RUM, 'event="load"', "1.5", "2.0", "0+9x20"),
                 "45m", False),
        ),
        "Look at the debug dashboard: tiles, cache, computations that wait.", lasts="15m",
    ),
    Alert(
        "GputsneStale", "No run of a pipeline has succeeded for two periods",
        "abs(time() - max by ($by) (gputsne_run_last_success_timestamp_seconds)) > $twice",
        "ticket", "A Pushgateway and a textfile keep their last values for ever",
        (
            Case("nothing for more than two periods", {SUCCEEDED: "0x$many"}, "$late", True),
            Case("one period", {SUCCEEDED: "0x$many"}, "$period", False),
            Case("told by a clock a year ahead", {SUCCEEDED: "31536000x6"}, "25m", True),
        ),
        "Does the scheduler start the job? Does the job reach the textfile or the Pushgateway?",
    ),
    Alert(
        "GputsneStalled", "A run has not ended within its period",
        "max by ($by) (gputsne_runs_in_progress) > 0 and on ($by) "
        "abs(time() - max by ($by) (gputsne_run_started_timestamp_seconds)) > $seconds",
        "ticket", "A killed run can't tell; the next start of the pipeline would",
        (
            Case("running for more than a period",
                 {RUNNING: "1x$many", STARTED: "0x$many"}, "$late", True),
            Case("ended", {RUNNING: "0x$many", STARTED: "0x$many"}, "$late", False),
            Case("running for half a period",
                 {RUNNING: "1x$many", STARTED: "0x$many"}, "$early", False),
        ),
        "gputsne runs ls --store URI shows runs in progress and killed ones.",
    ),
    Alert(
        "GputsneClock", "Times of a run lie in the future: a machine's clock is wrong",
        "max by ($by) (gputsne_run_started_timestamp_seconds) - time() > $ahead or "
        "max by ($by) (gputsne_run_ended_timestamp_seconds) - time() > $ahead",
        "ticket", "Alerts on what is late hold times of runs against this clock",
        (
            Case("started an hour from now", {STARTED: "3600+0x3"}, "10m", True),
            Case("ended an hour from now", {ENDED: "3600+0x3"}, "10m", True),
            Case("a minute ahead", {STARTED: "660+0x3", ENDED: "660+0x3"}, "10m", False),
        ),
        "Is the time synchronised (timedatectl, chronyc tracking) on the machine of the run, and "
        "on Prometheus's? The next run that ends on a right clock clears it.",
    ),
    Alert(
        "GputsneCheckFailed", "A gate failed in the latest check of a run",
        "max by ($by, profile, rule) (gputsne_check_failed) == 1",
        "ticket", "S1, CI/CD and production checks",
        (
            Case("a gate failed", {CHECKED: "1x3"}, "10m", True),
            Case("all gates passed", {CHECKED: "0x3"}, "10m", False),
        ),
        "The heading of the rule in the runbook says what to do; gputsne check prints the verdict.",
    ),
)  # fmt: skip

# Recording rules: name, expression, what it is.
RECORDS: Final = (
    ("gputsne:unavailability:avg1h",
     '1 - max(avg_over_time(up{job="gputsne-serve"}[1h]))', "Share of an hour without an answer."),
    ("gputsne:unavailability:avg6h",
     '1 - max(avg_over_time(up{job="gputsne-serve"}[6h]))', "The same of six hours."),
    ("gputsne:availability:avg30d",
     'max(avg_over_time(up{job="gputsne-serve"}[30d]))', "Uptime of a month."),
    ("gputsne:runs_done:ratio7d",
     'sum by ($by) (increase(gputsne_runs_total{status="done"}[7d])) / '
     "(sum by ($by) (increase(gputsne_runs_total[7d])) + "
     "sum by ($by) (increase(gputsne_runs_killed_total[7d])))",
     "Share of runs that ended well."),
    ("gputsne:runs:increase7d", "sum by ($by) (increase(gputsne_runs_total[7d]))", "Runs a week."),
    ("gputsne:run_duration_seconds:p95",
     "histogram_quantile(0.95, sum by ($by, le) (increase("
     'gputsne_run_duration_seconds_bucket{stage="total"}[$three])))',
     "95th percentile of the runs of three periods."),
    ("gputsne:run_duration_seconds:mean7d",
     'sum by ($by) (increase(gputsne_run_duration_seconds_sum{stage="total"}[7d])) / '
     'sum by ($by) (increase(gputsne_run_duration_seconds_count{stage="total"}[7d]))',
     "Mean seconds of the runs of a week."),
    ("gputsne:run_cost:median30d",
     "max by ($by) (quantile_over_time(0.5, gputsne_run_cost[30d]))", "Median cost of a run."),
    ("gputsne:cost:increase30d", "sum by ($by) (increase(gputsne_cost_total[30d]))",
     "Cost of a month."),
    ("gputsne:drift_score:max", "max by ($by) (gputsne_drift_score)", "Largest drift of a run."),
)  # fmt: skip
