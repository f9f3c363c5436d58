"""Decoding in processes of their own: what breaks, hangs or swells in there is one file's status, never an outage."""
