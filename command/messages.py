"""What backends write to the terminal while they start: shown only if something fails."""

from __future__ import annotations

import os
import signal
import sys

_keeper: int | None = None


def hide() -> None:
    """Keeps from the terminal what libraries write to standard error beside Python.

    Another process keeps it, and shows it when this one has ended, in whatever way, unless
    `forget` was called before. Python's own messages go to the terminal as ever. Where processes
    cannot be forked nothing is hidden.
    """
    global _keeper
    if _keeper is not None or not hasattr(os, "fork") or not _is_usual(sys.stderr):
        return
    sys.stderr.flush()
    reading, writing = os.pipe()
    _keeper = os.fork()
    if _keeper == 0:
        os.close(writing)
        _keep(reading)
    os.close(reading)
    terminal = os.dup(2)
    os.dup2(writing, 2)
    os.close(writing)
    sys.stderr = open(  # noqa: SIM115 (for as long as Python runs)
        terminal, "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace"
    )


def forget() -> None:
    """Lets go of what was hidden: nothing failed."""
    global _keeper
    if _keeper is not None:
        os.kill(_keeper, signal.SIGKILL)
        os.waitpid(_keeper, 0)
        _keeper = None


def _is_usual(stream: object) -> bool:
    try:
        return stream is sys.__stderr__ and stream.fileno() == 2
    except (AttributeError, OSError, ValueError):  # none, or one that is no file
        return False


def _keep(reading: int) -> None:
    """Reads until every process that may write has ended, and writes all of it."""
    try:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # meant for the command, which may fail of it
            signal.signal(getattr(signal, name), signal.SIG_IGN)
        with open(reading, "rb") as pipe:
            kept = pipe.read()
        if kept:
            os.write(2, b"\nMeanwhile libraries wrote:\n" + kept)
    finally:
        os._exit(0)
