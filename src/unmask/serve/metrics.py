"""Numbers for Prometheus: requests as they are answered, jobs and workers as the database has them."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from unmask.serve.queries import JobQueries
from unmask.serve.roster import Roster
from unmask.serve.webhooks import STATES as WEBHOOK_STATES
from unmask.serve.webhooks import WebhookStore

STATES = ("queued", "running", "done", "failed")
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0)


class Metrics:
    """The numbers of one web process, in a registry of their own."""

    def __init__(self, store: JobQueries, roster: Roster, webhooks: WebhookStore) -> None:
        self._registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter(
            "unmask_http_requests", "Requests answered.", labels, registry=self._registry
        )
        self._seconds = Histogram(
            "unmask_http_request_seconds", "Seconds from a request's head to the head of its answer.",
            ("method", "route"), buckets=BUCKETS, registry=self._registry,
        )  # fmt: skip
        self.uploaded = Counter("unmask_uploaded_bytes", "Bytes of accepted files.", registry=self._registry)
        self._registry.register(_Stored(store, roster, webhooks))
        ProcessCollector(registry=self._registry)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request.

        Parameters
        ----------
        method
            Of HTTP.
        route
            Its template, never what a client made up.
        status
            Of the answer.
        seconds
            That it took.
        """
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def text(self) -> bytes:
        """Return all numbers in Prometheus' text format."""
        return generate_latest(self._registry)


class _Stored(Collector):
    def __init__(self, store: JobQueries, roster: Roster, webhooks: WebhookStore) -> None:
        self._store = store
        self._roster = roster
        self._webhooks = webhooks

    def describe(self) -> Iterator[GaugeMetricFamily]:
        # Without this the registry would ask the database when it is made.
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        counts = self._store.counts()
        jobs = GaugeMetricFamily("unmask_jobs", "Jobs in the database.", labels=["state"])
        for state in STATES:
            jobs.add_metric([state], counts.get(state, 0))
        yield jobs
        delivered = self._webhooks.counts()
        webhooks = GaugeMetricFamily(
            "unmask_webhooks", "Webhooks of the jobs in the database.", labels=["state"]
        )
        for state in WEBHOOK_STATES:
            webhooks.add_metric([state], delivered.get(state, 0))
        yield webhooks
        yield GaugeMetricFamily("unmask_workers", "Workers heard of within a lease.", self._roster.alive())
