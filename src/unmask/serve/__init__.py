"""The HTTP API and the page: a web process, a job store, and worker processes that scan.

The web process and the workers share nothing but the database and the data folder.
"""

from unmask.serve.settings import ServeError, ServeSettings

__all__ = ["ServeError", "ServeSettings"]
