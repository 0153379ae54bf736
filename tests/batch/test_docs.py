"""The examples of docs/batch.md run as they are written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.batch.helpers import REPOSITORY, batch

EXAMPLES = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "batch.md").read_text(), re.DOTALL)


def example(word: str) -> str:
    """The one that has this word."""
    [found] = [text for text in EXAMPLES if word in text]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("word", ["hsc.data", "import webdataset", "import datasets", "import ray"])
def test_examples_run(word, coded, tmp_path):
    module = word.split()[-1]
    if module != "hsc.data":
        pytest.importorskip(module, reason=f"{module} is not installed")
    (tmp_path / "coded").symlink_to(coded)
    (tmp_path / "faces").mkdir()
    shutil.copy(REPOSITORY / "tests" / "golden" / "short.hsc", tmp_path / "faces")
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", example(word)], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def twins(codec, tmp_path_factory) -> Path:
    """Four synthetic people, each twice: as they are, and smaller, shifted and badly compressed."""
    folder = tmp_path_factory.mktemp("twins")
    z = torch.randn(4, 512, generator=torch.Generator().manual_seed(5))
    for person, codes in enumerate(codec.generator.mapping(z)):
        picture = codec.render_preview(codec.semantics(codes.expand(1, 16, 512)))
        picture.save(folder / f"{person}-a.png")
        again = picture.transform(picture.size, Image.Transform.AFFINE, (1, 0, 2, 0, 1, -1))
        again.resize((200, 200), Image.Resampling.LANCZOS).save(folder / f"{person}-b.jpg", quality=60)
    return folder


@pytest.mark.slow
def test_near_duplicates_and_clusters_are_found_by_codes(twins, tmp_path, monkeypatch):
    words = ("--no-align", "--refine", 0, "--columns", "codes", "--workers", 1, "--shard-size", 3)
    done = batch("encode", twins, tmp_path / "coded", *words)
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    exec(compile(example("duplicates ="), "docs/batch.md", "exec"), found)
    similarity = found["codes"] @ found["codes"].T
    print(np.round(similarity, 2))
    assert found["duplicates"] == [(f"{person}-a", f"{person}-b") for person in range(4)]
    assert found["cluster"].tolist() == [0, 0, 2, 2, 4, 4, 6, 6]
