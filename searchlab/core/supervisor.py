"""A program that runs another one, and ends it with all its children when a pipe breaks.

    python supervisor.py DESCRIPTOR COMMAND...

The pipe is held open by the process that started this one, so it breaks however that ends: see
`children.server`. This is a script without imports of searchlab's, to start in a moment.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from types import FrameType

_GRACE = 5.0  # seconds between SIGTERM and SIGKILL


def main() -> int:
    """Run the command; return its exit code."""
    lifeline, command = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(lifeline, False)
    child = subprocess.Popen(command, start_new_session=True)  # noqa: S603 - our parent's own

    def end(_number: int, _frame: FrameType | None) -> None:
        _signal(child.pid, signal.SIGKILL)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    threading.Thread(target=_end_with, args=(lifeline, child), daemon=True).start()
    code = child.wait()
    _signal(child.pid, signal.SIGKILL)  # survivors in its group
    return code if code >= 0 else 128 - code


def _end_with(lifeline: int, child: subprocess.Popen[bytes]) -> None:
    while os.read(lifeline, 1):
        pass
    _signal(child.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_GRACE)
    _signal(child.pid, signal.SIGKILL)


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main())
