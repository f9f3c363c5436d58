"""What the endpoints work with, made once for each application."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from fastapi import Request
from sqlalchemy import Engine

from unmask.serve.destinations import AllowList
from unmask.serve.feed import Feed
from unmask.serve.feedback import FeedbackStore
from unmask.serve.keys import KeyStore
from unmask.serve.limits import RateLimit
from unmask.serve.metrics import Metrics
from unmask.serve.roster import Roster
from unmask.serve.settings import ServeSettings
from unmask.serve.store import JobStore
from unmask.serve.webhooks import WebhookStore


@dataclass
class Service:
    """The parts of one web process.

    Parameters
    ----------
    settings, engine, store, roster, keys, webhooks, feedback, feed, metrics
        The parts.
    uploads
        Rate limit of uploads.
    uploads_under_way
        Uploads that are being received.
    streams
        Open event streams.
    """

    settings: ServeSettings
    engine: Engine
    store: JobStore
    roster: Roster
    keys: KeyStore
    webhooks: WebhookStore
    feedback: FeedbackStore
    feed: Feed
    metrics: Metrics
    uploads: RateLimit
    uploads_under_way: int = 0
    streams: int = 0

    @classmethod
    def over(cls, settings: ServeSettings, engine: Engine) -> Service:
        """Make the parts for a database.

        Parameters
        ----------
        settings
            Of the server.
        engine
            Of the database.
        """
        store = JobStore(engine, settings.attempts, settings.lease)
        roster = Roster(engine, settings.lease)
        uploads = RateLimit(settings.uploads_per_minute)
        webhooks = WebhookStore(engine)
        metrics = Metrics(store, roster, webhooks)
        return cls(
            settings,
            engine,
            store,
            roster,
            KeyStore(engine),
            webhooks,
            FeedbackStore(engine),
            Feed(store),
            metrics,
            uploads,
        )

    @cached_property
    def destinations(self) -> AllowList:
        """Where webhooks may go."""
        return AllowList.of(self.settings.webhooks_to)

    @cached_property
    def detectors(self) -> dict[str, dict[str, object]]:
        """Cards of the detectors that a client may choose, by name; the server's own first."""
        from unmask.detectors import installed, load_card

        own = load_card(self.settings.detector)
        cards = {self.settings.detector: own} | {card.name: card for card in installed()}
        return {name: card.to_dict() for name, card in cards.items()}


def service_of(request: Request) -> Service:
    """Return the parts that belong to the application of a request.

    Parameters
    ----------
    request
        The request.
    """
    service: Service = request.app.state.service
    return service
