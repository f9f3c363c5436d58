"""One thin file a verb.

A verb is a module of this room with a function of the same name; its name in ``VERBS`` is all that it needs.
Nothing heavy is imported before a verb runs: ``unmask --help`` stays under half a second.
"""

from unmask.cli.process import command

__all__ = ["command"]
