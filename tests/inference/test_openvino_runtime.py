"""Nothing is told to anybody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_openvino_is_imported_without_its_telemetry() -> None:
    program = (
        "import sys, threading; from hsc.inference.openvino_ops import OpenVINOOps;"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry') and sys.modules[name]],"
        "[thread.name for thread in threading.enumerate() if thread is not threading.main_thread()])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"
