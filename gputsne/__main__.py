"""The command gputsne, also as ``python -m gputsne``; Ctrl-C is heard while it is imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; one line and exit code 130 where Ctrl-C comes before it is there."""
    try:
        from gputsne.cli import main as command
    except KeyboardInterrupt:
        print("gputsne: interrupted", file=sys.stderr)
        sys.exit(130)
    command(prog_name="gputsne")


if __name__ == "__main__":
    main()
