"""``python -m app.space FOLDER``: lay out exactly what a hosted Space needs, and upload it if asked to."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
_FILES = ("README.md", "requirements.txt", "LICENSE", "WEIGHTS_LICENSE", "CHANGELOG.md", "CONTRIBUTING.md")
_FOLDERS = {
    "app": (".py", ".js", ".css"),
    "hsc": (".py", ".md"),
    "directions": (".py", ".npy", ".json", ".md", ".svg"),
    "docs": (".md",),
    "assets/weights": (".safetensors", ".md"),
    "assets/examples": (".jpg", ".png", ".json", ".hsc"),
    "assets/benchmark": (".json", ".md"),
    "assets/screenshots": (".png", ".jpg"),
}
"""Folders, and the kinds of files that are taken from them."""
_MARK = ".hsc-space"
_REQUIRED = ("title", "sdk", "sdk_version", "python_version", "app_file", "license", "short_description", "thumbnail")


def files() -> list[Path]:
    """Paths of all files of the Space, relative to the repository, in order."""
    found = [Path(name) for name in _FILES]
    for folder, suffixes in _FOLDERS.items():
        found += [path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    return sorted(path for path in found if "__pycache__" not in path.parts)


def front_matter(readme: Path) -> dict[str, str]:
    """The settings at the head of a README.

    Raises:
        ValueError: there are none, or one that a Space needs is missing.
    """
    head, *lines = readme.read_text(encoding="utf-8").splitlines()
    if head != "---" or "---" not in lines:
        raise ValueError(f"{readme.name} does not begin with settings between two lines of ---.")
    pairs = (line.partition(":") for line in lines[: lines.index("---")])
    settings = {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
    missing = [name for name in _REQUIRED if not settings.get(name)]
    if missing:
        raise ValueError(f"{readme.name} has no {', '.join(missing)} among its settings.")
    return settings


def lay_out(target: Path) -> list[Path]:
    """Copy the files of the Space to an empty or missing folder.

    Raises:
        ValueError: the folder holds something else, or the README's settings are wrong.
    """
    settings = front_matter(ROOT / "README.md")
    if not (ROOT / settings["app_file"]).is_file():
        raise ValueError(f"The app_file of README.md, {settings['app_file']}, does not exist.")
    if target.exists() and any(target.iterdir()):
        if not (target / _MARK).is_file() or (target / ".git").exists():
            raise ValueError(f"{target} is not empty, and is not an earlier layout.")
        shutil.rmtree(target)
    target.mkdir(parents=True, exist_ok=True)
    (target / _MARK).write_text("Laid out by app/space.py, and replaced whole by the next run.\n", encoding="utf-8")
    chosen = files()
    for path in chosen:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, target / path)
    return chosen


def address_thumbnail(readme: Path, base: str) -> None:
    """Make the thumbnail's path among the settings an address, as pages that link to a Space need it."""
    text = readme.read_text(encoding="utf-8")
    readme.write_text(text.replace("\nthumbnail: ", f"\nthumbnail: {base}/", 1), encoding="utf-8")


def upload(folder: Path, name: str) -> None:
    """Upload a layout as the Space ``OWNER/NAME``, by the hub's own client, which takes files of any size."""
    from huggingface_hub import HfApi

    hub = HfApi()
    address_thumbnail(folder / "README.md", f"{hub.endpoint}/spaces/{name}/resolve/main")
    hub.create_repo(name, repo_type="space", space_sdk="gradio", exist_ok=True)
    hub.upload_folder(folder_path=folder, repo_id=name, repo_type="space", commit_message="Update", delete_patterns="*")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--upload", "name", metavar="OWNER/NAME", help="Upload to this Space; log in with the hub's client first."
)
def main(folder: Path, name: str | None) -> None:
    """Lay out in FOLDER exactly what a hosted Space needs."""
    try:
        chosen = lay_out(folder)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    size = sum((folder / path).stat().st_size for path in chosen)
    print(f"{folder}: {len(chosen)} files, {size / 1e6:.1f} MB")
    if name:
        upload(folder, name)
        print(f"Uploaded to {name}.")


if __name__ == "__main__":
    main()
