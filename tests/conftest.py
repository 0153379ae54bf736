"""Fixtures of all tests: where the development data is, and a face that every machine has."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of development data beside the repository; tests that need it skip without it."""
    path = REPOSITORY.parent / "shared"
    if not path.is_dir():
        pytest.skip("needs the development data in ../shared")
    return path


@pytest.fixture(scope="session")
def face_path(shared: Path) -> Path:
    """A real aligned face, 1024 x 1024."""
    return shared / "data" / "eval1024" / "celebahq_000.jpg"


@pytest.fixture(scope="session")
def wild(shared: Path) -> Path:
    """Folder of unaligned photos; each file name ends in the number of faces."""
    return shared / "data" / "wild"


@pytest.fixture(scope="session")
def codec():
    """The shipped codec; what a test changes of it is to be put back."""
    import hsc

    return hsc.Codec.load()


@pytest.fixture
def rng() -> torch.Generator:
    """A seeded source of random numbers."""
    return torch.Generator().manual_seed(0)


def as_tensor(path: Path, size: int) -> torch.Tensor:
    """A picture file as (1, 3, size, size) in [-1, 1]."""
    import numpy as np
    from PIL import Image

    with Image.open(path) as picture:
        array = np.asarray(picture.convert("RGB").resize((size, size), Image.Resampling.LANCZOS))
    return torch.from_numpy(array.copy()).permute(2, 0, 1)[None] / 127.5 - 1


@pytest.fixture(scope="session")
def face(face_path: Path) -> torch.Tensor:
    """A real aligned face, (1, 3, 256, 256) in [-1, 1]."""
    return as_tensor(face_path, 256)


@pytest.fixture(scope="session")
def faces(shared: Path) -> torch.Tensor:
    """Four real aligned faces of four people, (4, 3, 256, 256) in [-1, 1]."""
    paths = sorted((shared / "data" / "eval1024").glob("celebahq_*.jpg"))[:4]
    return torch.cat([as_tensor(path, 256) for path in paths])


@pytest.fixture
def few_faces():
    """Noise in the shape of training faces; two of them with more detail, in training."""
    import numpy as np

    from hsc.train.data import VALIDATION, Faces

    random = np.random.default_rng(0)
    count = VALIDATION + 8
    faces = Faces(random.integers(0, 255, (count, 256, 256, 3), np.uint8), [str(i) for i in range(count)],
                  random.integers(0, 255, (2, 512, 512, 3), np.uint8))
    faces.with_half = faces.training[:2]
    return faces
