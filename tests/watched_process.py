"""Runs a program; if it is not done after so many seconds, writes where each of its threads is.

python watched_process.py SECONDS PROGRAM ARGUMENTS...
"""

import faulthandler
import runpy
import sys

if __name__ == "__main__":
    _, seconds, *sys.argv = sys.argv
    faulthandler.dump_traceback_later(float(seconds))
    runpy.run_path(sys.argv[0], run_name="__main__")
