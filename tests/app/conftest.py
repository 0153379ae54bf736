"""The app, launched once for all tests, with the shipped codec."""

from __future__ import annotations

import io
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
from PIL import Image

from tests.app.visitor import PATIENCE

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


_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


@pytest.fixture(scope="session")
def browser(photo: Path, tmp_path_factory) -> Iterator:
    """Chromium, with a photo in place of a camera."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install playwright)")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs Chromium (Debian: apt-get install chromium)")
    film = tmp_path_factory.mktemp("camera") / "face.mjpeg"
    with Image.open(photo) as image:
        frame = io.BytesIO()
        image.convert("RGB").resize((512, 512)).save(frame, "JPEG", quality=95)
    film.write_bytes(frame.getvalue() * 5)
    flags = [*_FLAGS, f"--use-file-for-fake-video-capture={film}"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, url: str) -> Iterator:
    """Opens pages of visitors who know nothing of each other; no page may have raised a script error."""
    contexts, errors = [], []

    def open_page(width: int = 1440, height: int = 900, address: str = "", **options):
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url + address)
        page.wait_for_selector(".numbers-main strong")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not errors


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
