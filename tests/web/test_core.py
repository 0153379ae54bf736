"""The JavaScript decoder's own tests, run by node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "web"


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_the_tests_in_javascript_pass() -> None:
    files = sorted(map(str, WEB.glob("tests/*.test.js")))
    done = subprocess.run(["node", "--test", *files], cwd=WEB, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
