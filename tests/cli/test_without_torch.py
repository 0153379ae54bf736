"""Commands where only what decodes is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
WITHOUT = """
import sys
for name in ("torch", "tqdm", "dlib", "_dlib_pybind11", "face_recognition_models"):
    sys.modules[name] = None  # importing it raises ModuleNotFoundError
sys.argv = ["hsc", *sys.argv[1:]]
from hsc.cli.main import run
run()
"""


def hsc(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", WITHOUT, *words], capture_output=True, text=True)


@pytest.mark.parametrize(
    "words", [("info", "FILE"), ("decode", "FILE", "OUT", "--edit", "smile=0.8"), ("edit", "FILE", "COPY", "yaw=0.5")]
)
def test_files_are_opened_and_edited(words, tmp_path):
    names = {"FILE": str(GOLDEN / "detailed.hsc"), "OUT": str(tmp_path / "out.png"), "COPY": str(tmp_path / "out.hsc")}
    done = hsc(*(names.get(word, word) for word in words))
    assert done.returncode == 0, done.stderr
    assert words[0] == "info" or any(tmp_path.iterdir())


def test_what_encodes_is_named_in_one_sentence(tmp_path):
    photo = Path(__file__).parents[2] / "assets" / "examples" / "black-hair.jpg"
    for words in (("encode", str(photo), str(tmp_path / "x.hsc")), ("align", str(photo), str(tmp_path / "x.png"))):
        done = hsc(*words)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1 and "pip install 'hsc-studio[encode]'" in done.stderr
