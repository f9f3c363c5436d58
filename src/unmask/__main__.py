"""``python -m unmask`` is the command ``unmask``."""

from unmask.cli import command

if __name__ == "__main__":
    command()
