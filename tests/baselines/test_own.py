"""The project's own codec among the others: what its results are kept under, and files that decode from themselves."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hsc.baselines import own
from hsc.baselines.own import HSC
from hsc.entropy import EntropyTables
from hsc.images import to_tensor
from hsc.rangecoder import FrequencyTables

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "middle.hsc"


@pytest.mark.parametrize("network", ["networks", "generator", "preview"])
def test_weights_that_change_bytes_or_pixels_change_the_description(codec, network):
    before = HSC(codec).description()
    value = list(getattr(codec, network).state_dict().values())[-1]
    kept = value.clone()
    try:
        value.add_(1)
        assert HSC(codec).description() != before
    finally:
        value.copy_(kept)
    assert HSC(codec).description() == before


def test_tables_change_the_description(codec, monkeypatch):
    before = HSC(codec).description()
    flat = FrequencyTables(np.array([[0, 32768, 65536]]), np.array([3]), np.array([0]))
    monkeypatch.setattr(codec, "tables", EntropyTables(flat, codec.tables.gaussian))
    assert HSC(codec).description() != before


def test_code_and_settings_change_the_description(codec, monkeypatch, tmp_path):
    names = {path.name for path in own.sources()}
    assert {"codec.py", "refine.py", "rangecoder.py", "openvino_renderer.py", "scn.py", "exact.py"} <= names
    before = HSC(codec).description()
    assert HSC(codec, refine=7).description() != before
    changed = tmp_path / "codec.py"
    changed.write_text("another encoder")
    monkeypatch.setattr(own, "sources", lambda: [changed])
    assert HSC(codec).description() != before


def test_decodes_in_a_fresh_process_from_nothing_but_its_bytes(codec):
    """A file that an earlier release wrote, too."""
    data = GOLDEN.read_bytes()
    program = (
        "import sys; from hsc import baselines\n"
        "baselines.get('hsc').decode(sys.stdin.buffer.read()).save(sys.stdout.buffer, 'PNG', compress_level=1)"
    )
    done = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, cwd=ROOT, check=True)
    fresh = np.asarray(Image.open(io.BytesIO(done.stdout)), int)
    assert fresh.shape == (1024, 1024, 3)
    assert np.abs(fresh - np.asarray(HSC(codec).decode(data), int)).max() <= 1


@pytest.mark.slow
def test_files_hardly_depend_on_the_number_of_threads(codec):
    """A benchmark runs one thread in each of its processes, a live comparison all of them.

    Without refinement not at all; a step of it may tip a symbol that lies between two.
    """
    face = codec.decode(GOLDEN.read_bytes())
    before = torch.get_num_threads()
    try:
        plain, files = [], []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            plain.append(HSC(codec, refine=0).encode(face, 800))
            files.append(HSC(codec).encode(face, 800))
    finally:
        torch.set_num_threads(before)
    assert plain[0] == plain[1]
    assert all(760 < len(file) <= 800 for file in files)
    one, other = (codec.lpips(to_tensor(codec.decode(file)), to_tensor(face)).item() for file in files)
    assert abs(one - other) < 0.01
