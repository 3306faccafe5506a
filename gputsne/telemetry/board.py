"""Board: the values of the table's metrics, as a collector of prometheus-client, and as text.

Counters and histograms go on from what a former process left, since one process is one run; gauges
are those of the latest run. The number of series is bounded: labels have the values of the table or
are names of services, of which there are at most so many.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from gputsne.telemetry.table import METRIC_BY_NAME, METRICS, SECONDS, SERVICE, VALUES, Metric

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric as Family

__all__ = ["MOST_SERVICES", "Board", "Service", "short"]

Service = tuple[str, str, str]  # model, pipeline, owner
MOST_SERVICES: Final = 100  # of one board: some 60 series each
LONGEST: Final = 64  # characters of a label's value
NONE: Final = "none"
OTHER: Final = "other"
OVERFLOW: Final[Service] = (OTHER, OTHER, OTHER)


def short(value: object) -> str:
    """Return a label's value: of bounded length, "none" for nothing.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    str

    Examples
    --------
    >>> short(None), short("maps")
    ('none', 'maps')
    """
    text = "" if value is None else str(value)
    return text[:LONGEST] or NONE


@dataclass
class _Durations:
    """Buckets (each without those below), and the sum."""

    counts: list[float] = field(default_factory=lambda: [0.0] * (len(SECONDS) + 1))
    sum: float = 0.0
    exemplars: dict[int, tuple[str, float]] = field(default_factory=dict)


class Board:
    """Values of metrics by service; a collector for ``CollectorRegistry.register``.

    Parameters
    ----------
    most : int, default 100
        Services that it tells apart; the values of any more are added up as service "other".
    """

    def __init__(self, most: int = MOST_SERVICES) -> None:
        self.most = most
        self._numbers: dict[tuple[str, Service, tuple[str, ...]], float] = {}
        self._durations: dict[tuple[str, Service, tuple[str, ...]], _Durations] = {}
        self._services: set[Service] = set()

    @property
    def services(self) -> frozenset[Service]:
        """Services that it has values of."""
        return frozenset(self._services)

    def service(self, tags: Mapping[str, str]) -> Service:
        """Return the service that a run's tags name.

        Parameters
        ----------
        tags : mapping of str to str
            Of the run; ``model``, ``pipeline`` and ``owner`` count.

        Returns
        -------
        tuple of str
            ("other", "other", "other") where there are as many services as there may be.
        """
        model, pipeline, owner = (short(tags.get(name)) for name in SERVICE)
        return self._admitted((model, pipeline, owner))

    def _admitted(self, service: Service) -> Service:
        if service not in self._services and len(self._services) >= self.most:
            service = OVERFLOW
        self._services.add(service)
        return service

    def set(self, name: str, service: Service, value: float | None, **labels: object) -> None:
        """Set a gauge, or a counter to what another counted; nothing for None and NaN.

        Parameters
        ----------
        name : str
            Of the metric.
        service : tuple of str
            As `service` returns it.
        value : float or None
            Its value.
        **labels : object
            Values of its other labels.
        """
        key = self._key(name, service, labels)
        if key is not None and value is not None and math.isfinite(value):
            self._numbers[key] = float(value)

    def add(self, name: str, service: Service, value: float = 1.0, **labels: object) -> None:
        """Add to a counter or gauge, nothing below 0; 0 makes the series be there.

        Parameters
        ----------
        name : str
            Of the metric.
        service : tuple of str
            As `service` returns it.
        value : float, default 1.0
            What is added.
        **labels : object
            Values of its other labels.
        """
        key = self._key(name, service, labels)
        if key is not None and 0 <= value < math.inf:
            self._numbers[key] = self._numbers.get(key, 0.0) + value

    def observe(
        self, name: str, service: Service, value: float, run_id: str = "", **labels: object
    ) -> None:
        """Count a duration in its histogram, with the run as its exemplar.

        Parameters
        ----------
        name : str
            Of the metric.
        service : tuple of str
            As `service` returns it.
        value : float
            Seconds.
        run_id : str, default ""
            Id of the run.
        **labels : object
            Values of its other labels.
        """
        key = self._key(name, service, labels)
        if key is None or not 0 <= value < math.inf:  # below 0: of a clock that was set back
            return
        held = self._durations.setdefault(key, _Durations())
        i = bisect_left(SECONDS, value)
        held.counts[i] += 1
        held.sum += value
        if run_id:
            held.exemplars[i] = (run_id, value)

    def value(self, name: str, service: Service, **labels: object) -> float | None:
        """Return a gauge or counter; None where it isn't set.

        Parameters
        ----------
        name : str
            Of the metric.
        service : tuple of str
            As `service` returns it.
        **labels : object
            Values of its other labels.

        Returns
        -------
        float or None
        """
        key = self._key(name, service, labels)
        return None if key is None else self._numbers.get(key)

    def forget(self, service: Service) -> None:
        """Remove the gauges of a service: they were those of its former run.

        Parameters
        ----------
        service : tuple of str
            As `service` returns it.
        """
        for key in list(self._numbers):
            if key[1] == service and METRIC_BY_NAME[key[0]].kind == "gauge":
                del self._numbers[key]

    def only(self, service: Service) -> Board:
        """Return a board with the values of one service.

        Parameters
        ----------
        service : tuple of str
            As `service` returns it.

        Returns
        -------
        Board
        """
        found = Board(self.most)
        found._services = {service}
        found._numbers = {k: v for k, v in self._numbers.items() if k[1] == service}
        found._durations = {k: v for k, v in self._durations.items() if k[1] == service}
        return found

    def _key(
        self, name: str, service: Service, labels: Mapping[str, object]
    ) -> tuple[str, Service, tuple[str, ...]] | None:
        """Return where a value stands; None for a label's value that is not in the table."""
        metric = METRIC_BY_NAME[name]
        if set(labels) != set(metric.labels):
            raise ValueError(f"{name} has the labels {metric.labels}, not {tuple(labels)}")
        values = []
        for label in metric.labels:
            value, known = short(labels[label]), VALUES.get(label)
            if known is not None and value not in known:
                if OTHER not in known:
                    return None
                value = OTHER
            values.append(value)
        return name, service, tuple(values)

    def collect(self) -> Iterator[Family]:
        """Yield the metrics as prometheus-client has them.

        Yields
        ------
        prometheus_client.Metric
            In the order of the table; only those with values.
        """
        for metric in METRICS:
            family = self._family(metric)
            if family.samples:
                yield family

    def _family(self, metric: Metric) -> Any:
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        names = (*SERVICE, *metric.labels)
        if metric.kind == "histogram":
            durations = HistogramMetricFamily(metric.name, metric.help, labels=names)
            for (name, service, labels), held in self._durations.copy().items():
                if name == metric.name:
                    durations.add_metric((*service, *labels), _buckets(held), held.sum)
            return durations
        kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        numbers = kind(metric.name, metric.help, labels=names)
        for (name, service, labels), value in sorted(self._numbers.copy().items()):
            if name == metric.name:
                numbers.add_metric((*service, *labels), value)
        return numbers

    def registry(self) -> CollectorRegistry:
        """Return a registry of these metrics alone.

        Returns
        -------
        prometheus_client.CollectorRegistry
        """
        from prometheus_client import CollectorRegistry

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return registry

    def text(self, *, openmetrics: bool = False) -> str:
        """Return the metrics as text.

        Parameters
        ----------
        openmetrics : bool
            OpenMetrics, in which the histograms carry the id of a run as exemplar; by default the
            format that node-exporter's textfile collector reads.

        Returns
        -------
        str
        """
        from prometheus_client import generate_latest
        from prometheus_client.openmetrics import exposition

        write = exposition.generate_latest if openmetrics else generate_latest
        return write(self.registry()).decode("utf-8")

    @classmethod
    def from_text(cls, text: str, most: int = MOST_SERVICES) -> Board:
        """Return the board that a text of metrics tells of.

        Parameters
        ----------
        text : str
            What ``text()`` returned, or what a Pushgateway shows; other metrics are left out.
        most : int
            As above.

        Returns
        -------
        Board

        Raises
        ------
        ValueError
            The text is no text of metrics.
        """
        from prometheus_client.parser import text_string_to_metric_families

        board = cls(most)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                board._take(sample.name, sample.labels, sample.value)
        for held in board._durations.values():
            counts = held.counts
            held.counts = [counts[0], *(b - a for a, b in pairwise(counts))]
        return board

    def _take(self, name: str, labels: Mapping[str, str], value: float) -> None:
        stem, _, part = name.rpartition("_")
        metric = METRIC_BY_NAME.get(name) or METRIC_BY_NAME.get(stem)
        if metric is None or not {*SERVICE, *metric.labels} <= labels.keys():
            return
        model, pipeline, owner = (labels[label] for label in SERVICE)
        service = self._admitted((model, pipeline, owner))
        told = {label: labels[label] for label in metric.labels}
        key = self._key(metric.name, service, told)
        if key is None:
            return
        if metric.kind != "histogram":
            self._numbers[key] = value
            return
        held = self._durations.setdefault(key, _Durations())
        if part == "sum":
            held.sum = value
        elif part == "bucket":
            bounds = [*SECONDS, math.inf]
            bound = float(labels["le"])
            if bound in bounds:
                held.counts[bounds.index(bound)] = value


def _buckets(held: _Durations) -> list[Any]:
    """Return bounds, counts up to them, and the run that is shown for each where there is one."""
    from prometheus_client.samples import Exemplar

    below, rows = 0.0, []
    for i, bound in enumerate((*map(str, SECONDS), "+Inf")):
        below += held.counts[i]
        run = held.exemplars.get(i)
        shown = () if run is None else (Exemplar({"run_id": run[0]}, run[1]),)
        rows.append((bound, below, *shown))
    return rows
