from __future__ import annotations

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
    assert Path("assets/screenshots/thumbnail.jpg") in laid_out
    assert not [path for path in laid_out if path.parts[0] in ("tests", ".git", ".venv") or path.suffix == ".pyc"]


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(ValueError, match="not empty"):
        space.lay_out(tmp_path)
    assert (tmp_path / "diary.txt").exists()


def test_a_repository_is_left_alone(tmp_path: Path) -> None:
    """Also one that looks like an earlier layout."""
    clone = tmp_path / "clone"
    space.lay_out(clone)
    space.lay_out(clone)  # its own layout may be renewed
    (clone / ".git").mkdir()
    with pytest.raises(ValueError, match="not empty"):
        space.lay_out(clone)


@pytest.mark.parametrize("text", ["# No settings", "---\ntitle: x\n", "---\ntitle: x\n---\n"])
def test_a_readme_without_settings_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(ValueError, match="settings"):
        space.front_matter(tmp_path / "README.md")


@pytest.mark.slow
def test_the_layout_starts_as_a_space_does(studio, serve, tmp_path: Path) -> None:
    folder = tmp_path / "space"
    space.lay_out(folder)
    program = space.front_matter(folder / "README.md")["app_file"]
    settings = {"SPACE_ID": "somebody/hsc-studio", "GRADIO_SSR_MODE": "True", "HOME": str(tmp_path)}
    server = serve([program], cwd=folder, **settings)
    with urllib.request.urlopen(server.url) as answer:
        assert "HSC Studio" in answer.read().decode()


def test_a_thumbnail_gets_the_address_that_it_will_have(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("---\ntitle: x\nthumbnail: assets/a.jpg\n---\nthumbnail: stays\n")
    space.address_thumbnail(readme, "https://hub.example/spaces/me/it/resolve/main")
    assert readme.read_text() == (
        "---\ntitle: x\nthumbnail: https://hub.example/spaces/me/it/resolve/main/assets/a.jpg\n---\nthumbnail: stays\n"
    )
