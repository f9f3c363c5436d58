"""What holds where nothing else is asked for; imported by the command line before anything large."""

from __future__ import annotations

DETECTOR = "jrc"
"""Name of the built-in detector."""
