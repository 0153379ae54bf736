"""The command line of the app."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(importlib.util.find_spec("mcp") is not None, reason="says what happens without mcp")
def test_mcp_without_its_package_is_refused_in_one_sentence() -> None:
    command = [sys.executable, "-m", "app", "--mcp"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.startswith("error: --mcp needs one more package") and "mcp>=1.21,<2" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_mcp_serves_the_endpoints_as_tools(studio, serve) -> None:
    pytest.importorskip("mcp", reason="needs the optional package: pip install 'mcp>=1.21,<2'")
    server = serve(["-m", "app", "--mcp"])
    with urllib.request.urlopen(f"{server.url}gradio_api/mcp/schema") as answer:
        tools = {tool["name"]: tool for tool in json.load(answer)}
    assert set(tools) == {"compress", "decode", "edit", "compare"}
    assert "Compress one face of a photo" in tools["compress"]["description"]
