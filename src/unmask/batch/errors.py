"""What can stop a run over many files."""

NOT_WRITTEN = 1


class BatchError(Exception):
    """A run over many files cannot start or go on; the message is one line that says why and what to do."""


class LogWriteError(BatchError):
    """The log of results does not take what is written to it: the disk is full, or broken; no usage error."""

    exit_code = NOT_WRITTEN
