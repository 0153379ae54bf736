"""Compressed faces as PyTorch data sets."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import torch

from hsc.batch.sources import CODED, find
from hsc.data import HSCDataset, HSCIterableDataset
from hsc.errors import BitstreamError, HSCError

GOLDEN = Path(__file__).resolve().parent / "golden"


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    """Two shards of real files, nine samples in all."""
    folder = tmp_path_factory.mktemp("shards")
    files = [GOLDEN / f"{name}.hsc" for name in ("short", "middle", "detailed")]
    for number, count in ((0, 5), (1, 4)):
        with tarfile.open(folder / f"{number:05d}.tar", "w") as archive:
            for index in range(count):
                archive.add(files[(index + number) % 3], f"face{number}{index}.hsc")
    return folder


def test_codes_are_those_of_the_whole_file(shards, codec):
    faces = HSCDataset(shards)
    faces._codec = codec
    assert len(faces) == 9 and faces.keys[0] == "face00"
    raw = HSCDataset(shards, output="bytes")
    for index in (0, 4, 8):
        data = raw[index]["bytes"]
        assert torch.equal(faces[index]["codes"], codec.parse(data).codes[0])
        assert faces[index]["key"] == raw[index]["key"]


def test_features_and_pictures_are_what_the_codec_gives(shards, codec):
    raw = HSCDataset(shards, output="bytes")
    features, pictures = HSCDataset(shards, "features"), HSCDataset(shards, "picture", size=256)
    smiling = HSCDataset(shards, "picture", 256, edits={"smile": 1.0}, transform=lambda sample: sample["picture"])
    for each in (features, pictures, smiling):
        each._codec = codec
    semantics = codec.parse(raw[1]["bytes"])
    found = features[1]
    assert torch.equal(found["features_16"], semantics.features[0][0])
    assert torch.equal(found["features_32"], semantics.features[1][0])
    assert pictures[1]["picture"].shape == (3, 256, 256) and pictures[1]["picture"].dtype == torch.uint8
    assert (smiling[1].float() - pictures[1]["picture"]).abs().max() > 20


def test_streams_are_shared_by_workers_and_shuffled_by_epoch(shards):
    plain = HSCIterableDataset(shards, "bytes")
    keys = [sample["key"] for sample in plain]
    assert keys == HSCDataset(shards).keys
    for workers in (2, 3):  # as many as shards, and more
        assert sorted(_loaded(shards, workers)) == keys
    mixed = HSCIterableDataset(shards, "bytes", shuffle=4, seed=1)
    first, same = ([sample["key"] for sample in mixed] for _ in range(2))
    mixed.set_epoch(1)
    second = [sample["key"] for sample in mixed]
    assert first == same != second and sorted(first) == sorted(second) == keys and first != keys


def _loaded(shards: Path, workers: int) -> list[str]:
    """Keys that a loader gives whose workers are forked."""
    program = (
        "from hsc.data import HSCIterableDataset\n"
        "samples = HSCIterableDataset(sys.argv[1], 'bytes')\n"
        "for sample in DataLoader(samples, batch_size=None, num_workers=int(sys.argv[2])):\n"
        "    print(sample['key'])\n"
    )
    return _said_by(program, str(shards), str(workers)).split()


def _said_by(program: str, *arguments: str) -> str:
    """What a program of its own prints that uses PyTorch's loader.

    The loader forks, and leaves a handler for ended children behind: not in a process full of other tests' threads.
    """
    command = [sys.executable, "-c", f"import sys\nfrom torch.utils.data import DataLoader\n{program}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=240).stdout


@pytest.mark.slow
def test_a_loader_with_workers_gives_batches_of_codes(shards, codec, tmp_path):
    program = (
        "import torch\n"
        "from hsc.data import HSCDataset\n"
        "faces = HSCDataset(sys.argv[1])\n"
        "faces[0]\n"  # loads a codec, which does not go to the workers: each loads its own
        "loader = DataLoader(faces, batch_size=4, num_workers=2, multiprocessing_context='spawn')\n"
        "torch.save(list(loader), sys.argv[2])\n"
    )
    _said_by(program, str(shards), str(tmp_path / "batches.pt"))
    batches = torch.load(tmp_path / "batches.pt", weights_only=True)
    faces = HSCDataset(shards)
    faces._codec = codec
    assert [tuple(batch["codes"].shape) for batch in batches] == [(4, 16, 512), (4, 16, 512), (1, 16, 512)]
    assert [key for batch in batches for key in batch["key"]] == faces.keys
    assert torch.equal(batches[0]["codes"][3], faces[3]["codes"])


def test_a_damaged_file_is_named(shards, codec, tmp_path):
    shutil.copy(shards / "00000.tar", tmp_path)
    _, items = find(str(tmp_path), CODED)
    with (tmp_path / "00000.tar").open("r+b") as file:
        file.seek(items[1].offset)
        file.write(b"nothing")
    faces = HSCDataset(tmp_path)
    faces._codec = codec
    with pytest.raises(BitstreamError, match="00000.tar/face01.hsc: This is not an HSC file"):
        faces[1]
    with pytest.raises(HSCError, match="There are no .hsc files"):
        HSCDataset(GOLDEN.parent / "runtime")
    with pytest.raises(ValueError, match="output is one of"):
        HSCDataset(shards, "pixels")
