"""What can be wrong with a set or a request to evaluate on it."""


class EvaluationError(Exception):
    """An evaluation cannot be done; the message is one line that says why and what to do."""
