"""Edits in JavaScript, by node and ONNX Runtime's build for browsers, beside those of this package."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import directions
from hsc.conformance import run
from hsc.conformance.runner import decoder
from hsc.export import export

REPOSITORY = Path(__file__).resolve().parents[2]
WEB = REPOSITORY / "web"
FILES = REPOSITORY / "tests" / "golden"
SEVERAL = {"smile": 0.7, "eyeglasses": 0.8, "beard": -0.6, "yaw": 0.4, "makeup": 0.9, "gaze": -0.5, "age": 0.3}
LEAST = 60.0
"""Decibels: what differs by less is not seen in pictures of 8 bits."""


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    if not shutil.which("node") or not (WEB / "node_modules" / "onnxruntime-web").is_dir():
        pytest.skip("needs node, and what `make web` installs")
    folder = tmp_path_factory.mktemp("models")
    export(folder, compact=True)  # as `make web` does
    return folder


def pictures(models: Path, file: Path, cases: list[tuple[int, dict[str, float]]]) -> list[np.ndarray]:
    """Pictures ``(3, size, size)`` of a file at each size with each edits, by node."""
    asked = json.dumps([{"size": size, "strengths": strengths} for size, strengths in cases])
    command = ["node", "tests/decode_edits.js", str(models), str(file)]
    done = subprocess.run(command, cwd=WEB, input=asked.encode(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    values, found, start = np.frombuffer(done.stdout, np.float32), [], 0
    for size, _ in cases:
        found.append(values[start : start + 3 * size**2].reshape(3, size, size))
        start += 3 * size**2
    assert start == len(values)
    return found


def distances(codec, models: Path, file: Path, cases: list[tuple[int, dict[str, float]]]) -> list[float]:
    """Decibels between the pictures of node and those of the codec."""
    semantics, found = codec.parse(file.read_bytes()), []
    for picture, (size, strengths) in zip(pictures(models, file, cases), cases):
        edited = codec.edit(semantics, strengths) if strengths else semantics
        engine = codec.engine
        expected = (engine.preview if size == 256 else engine.image)(codec.finest(edited), edited.codes)[0]
        found.append(float(10 * np.log10(4 / np.square(picture.clip(-1, 1) - expected.clip(-1, 1)).mean())))
    return found


@pytest.mark.slow
def test_the_decoder_conforms(models) -> None:
    with decoder(f"node {WEB / 'tests' / 'conformance.js'} {models}") as ask:
        report = run(ask)
    assert not report.failures and not report.skipped


@pytest.mark.slow
@pytest.mark.parametrize("strength", [-1.0, -0.5, 0.5, 1.0])
def test_every_direction_is_python_s(codec, models, strength) -> None:
    cases = [(256, {name: strength}) for name in directions.names()]
    found = distances(codec, models, FILES / "middle.hsc", cases)
    assert min(found) > LEAST, dict(zip(directions.names(), found))


def test_edits_at_once_and_beyond_their_range_are_python_s(codec, models) -> None:
    cases = [(256, {}), (256, SEVERAL), (256, {"smile": -2.5, "beard": 2.2, "pitch": 1.0}), (1024, SEVERAL)]
    for name in ("short.hsc", "detailed.hsc"):
        assert min(distances(codec, models, FILES / name, cases)) > LEAST
