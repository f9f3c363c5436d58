"""How often a client may ask, counted in this process."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

CLIENTS_KEPT = 10_000


class RateLimit:
    """A token bucket for each client: ``a_minute`` requests on average, and as many at once; 0 for no limit."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = float(a_minute)
        self._rate = a_minute / 60.0
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """Count one request.

        Parameters
        ----------
        client
            Name that is counted against.

        Returns
        -------
        float
            0 when the request may pass, else seconds after which the next one may.
        """
        if not self._rate:
            return 0.0
        moment = self._clock()
        tokens, since = self._buckets.pop(client, (self._size, moment))
        tokens = min(self._size, tokens + (moment - since) * self._rate)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
        self._buckets[client] = (tokens if wait else tokens - 1, moment)
        if len(self._buckets) > CLIENTS_KEPT:
            self._buckets.popitem(last=False)
        return wait
