"""What can stop a run over many files."""


class BatchError(Exception):
    """A run over many files cannot start or go on; the message is one line that says why and what to do."""
