"""Options of `embed` that tell metrics of the run, and the monitor that they ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gputsne.cli.options import PATH, option
from gputsne.provenance import Run
from gputsne.provenance.plain import stamp

if TYPE_CHECKING:
    from gputsne.runs.job import Job
    from gputsne.telemetry.monitor import Monitor

MOST_PORT: Final = 65535
SUFFIX: Final = ".prom"  # of the files that node-exporter reads


def place(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, int] | None:
    """Return host and port of N or HOST:N."""
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    if not port.isdecimal() or int(port) > MOST_PORT:
        said = f"{value!r} is no port: write N or HOST:N, such as 9100 or 0.0.0.0:9100"
        raise click.BadParameter(said, ctx, param)
    return host or "127.0.0.1", int(port)


def prom_file(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """Refuse a file that node-exporter would not read."""
    if value is not None and value.suffix != SUFFIX:
        said = f"{value} must end in {SUFFIX}: node-exporter reads no other file"
        raise click.BadParameter(said, ctx, param)
    return value


monitor_options: Final = (
    option(
        "--metrics-textfile",
        type=PATH,
        callback=prom_file,
        metavar="FILE",
        envvar="GPUTSNE_METRICS_TEXTFILE",
        help="Keep metrics in FILE, say maps.prom, for node-exporter's textfile collector.",
    ),
    option(
        "--pushgateway",
        metavar="URL",
        envvar="GPUTSNE_PUSHGATEWAY",
        help="Push metrics of the service to a Pushgateway.",
    ),
    option(
        "--metrics-port",
        metavar="[HOST:]N",
        callback=place,
        envvar="GPUTSNE_METRICS_PORT",
        help="Show metrics at this port while the run lasts. [HOST: 127.0.0.1]",
    ),
)


def monitor_of(given: Mapping[str, Any], note: Callable[[str], None], store: Any) -> Monitor | None:
    """Return what tells metrics of a run; None where no option asks for any."""
    port = given["metrics_port"]
    if given["metrics_textfile"] is None and given["pushgateway"] is None and port is None:
        return None
    from gputsne.telemetry.monitor import Monitor

    where = {} if port is None else {"host": port[0], "port": port[1]}
    return Monitor(
        note, textfile=given["metrics_textfile"], pushgateway=given["pushgateway"],
        store=store, **where,
    )  # fmt: skip


@contextmanager
def watched(monitor: Monitor | None, job: Job) -> Iterator[Callable[[Run], None]]:
    """Tell the begin of a job; gives what tells its end."""
    if monitor is None:
        yield lambda run: None
        return
    try:
        started = stamp(job.started)
        monitor.begin(Run(id=job.id, started=started, tags=job.request.tags))
        yield monitor.end
    finally:
        monitor.close()
