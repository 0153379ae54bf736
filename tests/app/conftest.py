"""The app, launched once for all tests, with the shipped codec."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"


@pytest.fixture(scope="session")
def studio():
    """The models of the app, loaded."""
    from app.studio import Studio
    from hsc.errors import WeightsError

    studio = Studio()
    try:
        studio.warm_up()
    except WeightsError as error:
        pytest.skip(f"needs the weights: {error}")
    return studio


@pytest.fixture(scope="session")
def url(studio, tmp_path_factory) -> Iterator[str]:
    """Address of the running app; its temporary files lie in a folder of the test."""
    from app import launch

    folder = tmp_path_factory.mktemp("gradio")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        demo = launch.start(studio, prevent_thread_lock=True, quiet=True)
        yield demo.local_url
        demo.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def photo() -> Path:
    """A whole photo with one face: NASA's portrait of Eileen Collins."""
    return EXAMPLES / "astronaut.png"


@pytest.fixture(scope="session")
def face_file() -> Path:
    """An aligned, synthetic face."""
    return EXAMPLES / "fair-hair.jpg"
