"""`stepwrap` on the command line, and `python -m stepwrap`."""

from __future__ import annotations

import importlib.util
import sys

EXTRAS = ("matplotlib", "rich", "sklearn")


def main() -> int:
    """Runs the command; returns the exit status."""
    missing = [name for name in EXTRAS if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"stepwrap: {', '.join(missing)} not installed. Run: "
            "pip install 'stepwrap[experiments]'",
            file=sys.stderr,
        )
        return 2
    from .experiments.command_line import main  # after the check: it imports the extras

    return main()


if __name__ == "__main__":
    sys.exit(main())
