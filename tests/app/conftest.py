"""The app, launched once for all tests, with the shipped codec."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Server:
    """An app in a process of its own.

    Attributes:
        url: its address, with a slash at the end.
        pid: of its process.
    """

    url: str
    pid: int


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts ``python ARGUMENTS`` with settings as environment variables, and waits for its page."""
    from hsc import weights

    running: list[subprocess.Popen] = []

    def start(arguments: list[str], cwd: Path = EXAMPLES.parents[1], **settings: str) -> Server:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        inherited = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PWD")}
        environment = inherited | {
            "GRADIO_SERVER_NAME": "127.0.0.1",
            "GRADIO_SERVER_PORT": str(port),
            "GRADIO_TEMP_DIR": str(tmp_path / "gradio"),
            "HSC_CACHE": str(weights.cache_dir()),
            "NO_PROXY": "127.0.0.1,localhost",
        }
        log = tmp_path / "log"
        with open(log, "wb") as sink:
            command = [sys.executable, *arguments]
            server = subprocess.Popen(command, cwd=cwd, env=environment | settings, stdout=sink, stderr=sink)
        running.append(server)
        url = f"http://127.0.0.1:{port}/"
        for _ in range(180):
            if server.poll() is not None:
                break
            try:
                urllib.request.urlopen(url).close()
                return Server(url, server.pid)
            except (urllib.error.URLError, OSError):
                time.sleep(1)
        pytest.fail(f"The app gave no page:\n{log.read_text()[-3000:]}")

    yield start
    for server in running:
        server.terminate()
        server.wait(30)
