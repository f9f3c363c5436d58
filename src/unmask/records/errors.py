"""What is wrong with a record of scans, in one line."""

NOT_WRITTEN = 1


class RecordError(Exception):
    """A file or folder is not the record that was asked for; the message is one line that says what to do."""


class RecordWriteError(RecordError):
    """A record cannot be written: the disk is full, or broken; no usage error."""

    exit_code = NOT_WRITTEN
