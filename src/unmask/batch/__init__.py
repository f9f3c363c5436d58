"""Many files: the log of results, worker processes, Ray.

A scan is a function of (bytes, detector, settings), so a run over many files is a map; the log makes a second run
skip what the first has done.
"""

from unmask.batch.errors import BatchError, LogWriteError
from unmask.batch.identity import Fingerprint, fingerprint, scan_key
from unmask.batch.isolation import FileScanner, InProcessScanner, IsolatedScanner
from unmask.batch.ledger import Ledger
from unmask.batch.log import ResultsLog, open_log, unnamed_log
from unmask.batch.paths import ListedPaths, PathSource, StreamedPaths, listed_in
from unmask.batch.run import run
from unmask.batch.stopping import Stop

__all__ = [
    "BatchError",
    "FileScanner",
    "Fingerprint",
    "InProcessScanner",
    "IsolatedScanner",
    "Ledger",
    "ListedPaths",
    "LogWriteError",
    "PathSource",
    "ResultsLog",
    "Stop",
    "StreamedPaths",
    "fingerprint",
    "listed_in",
    "open_log",
    "run",
    "scan_key",
    "unnamed_log",
]
