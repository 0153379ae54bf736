"""Fixtures of all tests: faces that are shipped, and where the development data is.

The development data (photos that must not be published) lies in ``../shared`` or ``$HSC_DEVELOPMENT_DATA``; tests that
need it skip without it. ``--needs-shared`` runs those tests alone.
"""

from __future__ import annotations

import collections
import importlib.util
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from hsc import paths
from hsc.runtime import threads

if "PYTEST_XDIST_WORKER_COUNT" in os.environ:  # the processes of a run share the cores
    os.environ.setdefault(
        threads.VARIABLE, str(max(1, threads.usable_cores() // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])))
    )
threads.configure()  # before the next line

import torch  # noqa: E402

# A shell starts what runs in its background with interrupts ignored, nohup with hang-ups, and programs that tests start
# would inherit that.
for ignored in (signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.default_int_handler if ignored == signal.SIGINT else signal.SIG_DFL)

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLES = REPOSITORY / "assets" / "examples"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--needs-shared", action="store_true", help="Only the tests that need the development data.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ``--needs-shared``, leave out every test that does not use the fixture :func:`shared`."""
    if config.getoption("--needs-shared"):
        others = [item for item in items if "shared" not in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if "shared" in getattr(item, "fixturenames", ())]


def pytest_xdist_auto_num_workers() -> int:
    """Processes for ``-n auto``: one a core, and memory for each (codec, app, browser and Ray take up to 5 GB)."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    return max(1, min(threads.usable_cores(), 8, memory // 5_000_000_000))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of development data beside the repository; tests that need it skip without it."""
    path = paths.development_data()
    if path is None:
        pytest.skip("needs the development data in ../shared")
    return path


@pytest.fixture(scope="session")
def compressai() -> None:
    """CompressAI, where it is installed; tests of training and of learned baselines skip without it."""
    if importlib.util.find_spec("compressai") is None:
        pytest.skip("needs CompressAI, which has no wheels for Python 3.13 and later")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many tests were skipped for which reason, besides pytest's own list by place."""
    reasons: collections.Counter[str] = collections.Counter()
    for report in terminalreporter.stats.get("skipped", ()):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason.removeprefix("Skipped: ")] += 1
    if reasons:
        terminalreporter.section("skipped, by reason")
        for reason, count in reasons.most_common():
            terminalreporter.write_line(f"{count:5} {reason}")


@pytest.fixture(scope="session")
def face_paths() -> list[Path]:
    """Shipped aligned faces of four people who do not exist, 1024 x 1024."""
    return [EXAMPLES / f"{name}.jpg" for name in ("fair-hair", "glasses", "hat", "laughing-glasses")]


@pytest.fixture(scope="session")
def portrait_path() -> Path:
    """A shipped photo of a real person with surroundings, 512 x 512; one face."""
    return EXAMPLES / "astronaut.png"


@pytest.fixture(scope="session")
def wild(shared: Path) -> Path:
    """Folder of unaligned photos; each file name ends in the number of faces."""
    return shared / "data" / "wild"


@pytest.fixture(scope="session")
def codec():
    """The shipped codec; what a test changes of it is to be put back."""
    import hsc

    return hsc.Codec.load(device="cpu")


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
def face(face_paths: list[Path]) -> torch.Tensor:
    """A shipped aligned face, (1, 3, 256, 256) in [-1, 1]."""
    return as_tensor(face_paths[0], 256)


@pytest.fixture(scope="session")
def faces(face_paths: list[Path]) -> torch.Tensor:
    """Shipped aligned faces of four people, (4, 3, 256, 256) in [-1, 1]."""
    return torch.cat([as_tensor(path, 256) for path in face_paths])


@pytest.fixture
def few_faces():
    """Noise in the shape of training faces; two of them with more detail, in training."""
    import numpy as np

    from hsc.train.data import VALIDATION, Faces

    random = np.random.default_rng(0)
    count = VALIDATION + 8
    faces = Faces(
        random.integers(0, 255, (count, 256, 256, 3), np.uint8),
        [str(i) for i in range(count)],
        random.integers(0, 255, (2, 512, 512, 3), np.uint8),
    )
    faces.with_half = faces.training[:2]
    return faces
