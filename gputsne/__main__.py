"""The command gputsne, also as ``python -m gputsne``; Ctrl-C is heard while it is imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; one line where Ctrl-C comes before it is there, or a library is broken."""
    try:
        from gputsne.cli import main as command
    except KeyboardInterrupt:
        print("gputsne: interrupted", file=sys.stderr)
        sys.exit(130)
    except ImportError as error:  # of a library that everything needs, numpy say
        from gputsne.base.extras import unimportable

        print(unimportable(error), file=sys.stderr)
        sys.exit(1)
    command(prog_name="gputsne")


if __name__ == "__main__":
    main()
