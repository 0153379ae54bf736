"""OpenVINO without its telemetry; every module takes ``ov`` from here.

The package tells its maker of each import, over the network and from a forked process, which may hang a program with
threads. It has a stub of its own for where the package ``openvino_telemetry`` is not installed.
"""

from __future__ import annotations

import sys

# None makes Python say that there is no such module; where something else imported it before, it is too late.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402
from openvino import opset13 as ops  # noqa: E402

__all__ = ["ops", "ov"]
