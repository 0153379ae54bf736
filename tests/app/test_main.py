"""The command line of the app."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from hsc.errors import WeightsError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def own_temporary_files(monkeypatch, tmp_path: Path) -> None:
    """The program keeps the temporary files of its process in a folder of its own; afterwards all is as it was."""
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)
    for name in ("TMPDIR", "GRADIO_TEMP_DIR"):
        monkeypatch.setenv(name, str(tmp_path))


@pytest.mark.skipif(importlib.util.find_spec("mcp") is not None, reason="says what happens without mcp")
def test_mcp_without_its_package_is_refused_in_one_sentence() -> None:
    command = [sys.executable, "-m", "app", "--mcp"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("error: --mcp needs one more package") and "mcp>=1.21,<2" in done.stderr
    assert done.stderr.count("\n") == 1


def test_missing_weights_are_one_sentence(monkeypatch, own_temporary_files) -> None:
    from app import __main__ as program
    from app import studio

    def fail(*_):
        raise WeightsError("The weights are not here.")

    # Where a GPU is lent the codec is loaded by the constructor itself.
    monkeypatch.setattr(studio.Studio, "__init__", fail)
    done = CliRunner().invoke(program.main, [])
    assert done.exit_code == 2 and done.stderr.endswith("error: The weights are not here.\n")
    assert "Traceback" not in done.stderr


def test_a_page_that_cannot_be_reached_is_one_sentence(monkeypatch, own_temporary_files) -> None:
    from app import __main__ as program
    from app import studio

    monkeypatch.setattr(studio.Studio, "warm_up", lambda self: None)
    monkeypatch.setattr("gradio.networking.url_ok", lambda url: False)
    done = CliRunner().invoke(program.main, [])
    assert done.exit_code == 2 and "error: The page does not answer at its own address" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_mcp_serves_the_endpoints_as_tools(studio, serve) -> None:
    pytest.importorskip("mcp", reason="needs the optional package: pip install 'mcp>=1.21,<2'")
    server = serve(["-m", "app", "--mcp"])
    with urllib.request.urlopen(f"{server.url}gradio_api/mcp/schema") as answer:
        tools = {tool["name"]: tool for tool in json.load(answer)}
    assert set(tools) == {"compress", "decode", "edit", "compare"}
    assert "Compress one face of a photo" in tools["compress"]["description"]
