from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import gradio
import pytest

from app import space


def test_the_settings_name_this_gradio_and_a_file_that_is_there(tmp_path: Path) -> None:
    settings = space.front_matter(space.ROOT / "README.md")
    assert settings["sdk"] == "gradio" and settings["sdk_version"] == gradio.__version__
    assert len(settings["short_description"]) <= 60
    laid_out = space.lay_out(tmp_path / "space")
    assert Path(settings["app_file"]) in laid_out
    assert not [
        path for path in laid_out if path.parts[0] in ("tests", ".git", ".venv") or path.suffix == ".pyc"
    ]


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(ValueError, match="not empty"):
        space.lay_out(tmp_path)
    assert (tmp_path / "diary.txt").exists()


@pytest.mark.parametrize("text", ["# No settings", "---\ntitle: x\n", "---\ntitle: x\n---\n"])
def test_a_readme_without_settings_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(ValueError, match="settings"):
        space.front_matter(tmp_path / "README.md")


@pytest.mark.slow
def test_the_layout_starts_as_a_space_does(studio, tmp_path: Path, unused_port: int) -> None:
    folder = tmp_path / "space"
    space.lay_out(folder)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PWD")} | {
        "SPACE_ID": "somebody/hsc-studio",
        "GRADIO_SSR_MODE": "True",
        "HOME": str(tmp_path),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(unused_port),
        "GRADIO_TEMP_DIR": str(tmp_path / "gradio"),
        "HSC_CACHE": _cache(),
        "NO_PROXY": "127.0.0.1,localhost",
    }
    command = [sys.executable, space.front_matter(folder / "README.md")["app_file"]]
    with open(tmp_path / "log", "wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        page = _page(f"http://127.0.0.1:{unused_port}/", server)
        assert "HSC Studio" in page
    except AssertionError:
        pytest.fail((tmp_path / "log").read_text()[-3000:])
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def unused_port() -> int:
    """A port that nobody listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _cache() -> str:
    """The cache of this run: the Space would fetch the same files on its first start."""
    from hsc import weights

    return str(weights.cache_dir())


def _page(url: str, server: subprocess.Popen) -> str:
    for _ in range(180):
        assert server.poll() is None, "the app ended"
        try:
            with urllib.request.urlopen(url) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    raise AssertionError("no page within three minutes")
