"""`stepwrap` on the command line, and `python -m stepwrap`."""

from __future__ import annotations

import sys

from .command import messages as hidden_messages


def main() -> int:
    """Runs the command; returns the exit status."""
    status = _run()
    if status in (0, 2, 130):  # done, refused or interrupted: nothing failed
        hidden_messages.forget()
    return status


def _run() -> int:
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
