"""What tests of collections share: the command line, and what must be the same of two runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'hsc-studio[batch]'")

REPOSITORY = Path(__file__).resolve().parents[2]
QUICK = ("--no-align", "--refine", 0, "--shard-size", 2, "--workers", 1)
"""Options of a run that takes a second a picture."""


def command(*words: object) -> list[str]:
    """The command line that runs a command of `hsc batch`."""
    return [sys.executable, "-W", "ignore", "-m", "hsc", "batch", *map(str, words)]


def batch(*words: object, **options) -> subprocess.CompletedProcess:
    """Run the command line."""
    env = {**os.environ, "COLUMNS": "100"}
    return subprocess.run(
        command(*words), cwd=REPOSITORY, capture_output=True, text=True, timeout=300, env=env, **options
    )


def shards_of(folder: Path) -> dict[str, bytes]:
    """What must be the same of two runs of one plan: tar files, and tables without their times."""
    import pyarrow.parquet as pq

    found = {path.name: path.read_bytes() for path in folder.glob("*.tar")}
    for path in folder.glob("*.parquet"):
        found[path.name] = str(pq.read_table(path).drop_columns(["seconds"]).to_pydict()).encode()
    return found
