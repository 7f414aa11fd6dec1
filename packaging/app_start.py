"""The first module of the built application: nodeviz, or a Python for nodeviz's own child processes.

`nodeviz doctor` tries what could crash in a child, started as `sys.executable -c CODE`; in the application that
executable is nodeviz itself.
"""

import os
import sys

from nodeviz.__main__ import main

if __name__ == "__main__":
    # The loader's own search path was read when this process started. What nodeviz starts, such as the desktop's
    # browser for a link, must find its own libraries and not these.
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    if before is not None:
        os.environ["LD_LIBRARY_PATH"] = before
    elif getattr(sys, "frozen", False):
        os.environ.pop("LD_LIBRARY_PATH", None)
    if len(sys.argv) > 2 and sys.argv[1] == "-c":
        code, sys.argv = sys.argv[2], ["-c", *sys.argv[3:]]
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    else:
        if sys.argv[1:3] == ["-m", "nodeviz"]:
            del sys.argv[1:3]
        main()
