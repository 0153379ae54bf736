"""OpenVINO without its telemetry; every module takes ``ov``, and the one ``core``, from here.

The package tells its maker of each import, over the network and from a forked process, which may hang a program with
threads. It has a stub of its own for where the package ``openvino_telemetry`` is not installed.
"""

from __future__ import annotations

import functools
import sys
import threading

# None makes Python say that there is no such module; where something else imported it before, it is too late.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402
from openvino import opset13 as ops  # noqa: E402

__all__ = ["core", "ops", "ov"]

_making = threading.Lock()


def core() -> ov.Core:
    """The core of this process, which stays as long as the process does.

    What compiles for processors gives the thread that needs it first a stack for signals, and unmaps that once its core
    and all that this compiled are gone, in whatever thread they go. The next signal that Python has a handler for, such
    as Ctrl-C, would then end the program by a segmentation fault.
    """
    with _making:
        return _core()


@functools.lru_cache(maxsize=1)
def _core() -> ov.Core:
    return ov.Core()
