"""The server's metrics and their text for Prometheus; telemetry has their table."""

from __future__ import annotations

from typing import Any

from gputsne.base.errors import DependencyMissing
from gputsne.base.extras import pip_install
from gputsne.telemetry.server_table import TABLE

__all__ = ["TABLE", "Measures"]


class Measures:
    """The metrics of one server, in a registry of their own.

    Raises
    ------
    DependencyMissing
        prometheus-client isn't installed.
    """

    def __init__(self) -> None:
        try:
            import prometheus_client as client
        except ImportError as error:
            said = f"metrics need prometheus-client: {pip_install('serve')}"
            raise DependencyMissing(said) from error
        self.registry = client.CollectorRegistry()
        self._held: dict[str, Any] = {}
        for row in TABLE:
            more: dict[str, Any] = {"buckets": row.buckets} if row.buckets else {}
            self._held[row.key] = getattr(client, row.kind)(
                row.name, row.told, row.labels, registry=self.registry, **more
            )

    def __getitem__(self, key: str) -> Any:
        """Return a metric of prometheus-client by its key in the table."""
        return self._held[key]

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """Return what a scrape is answered.

        Parameters
        ----------
        accept : str
            The scraper's header ``Accept``: it chooses between Prometheus' text and OpenMetrics.

        Returns
        -------
        tuple of bytes and str
            Body and content type.
        """
        from prometheus_client.exposition import choose_encoder

        encode, kind = choose_encoder(accept)
        return encode(self.registry), kind
