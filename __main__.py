"""`stepwrap` on the command line, and `python -m stepwrap`."""

from __future__ import annotations

import sys


def main() -> int:
    """Runs the command; returns the exit status."""
    try:
        from .experiments.command_line import main  # needs an extra
    except ModuleNotFoundError as error:
        if error.name != "stepwrap.experiments":
            raise
        print(f"stepwrap: {error}", file=sys.stderr)
        return 2
    return main()


if __name__ == "__main__":
    sys.exit(main())
