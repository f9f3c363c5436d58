"""What can be wrong with a detector on disk."""


class DetectorError(Exception):
    """A detector cannot be used; the message is one line that says why."""
