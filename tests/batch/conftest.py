"""A few tiny faces, and a run over them in one go."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def pictures(codec, tmp_path_factory) -> Path:
    """A folder of five small synthetic faces of 256 pixels, in two folders, and what is no picture."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "more").mkdir()
    golden = (Path(__file__).resolve().parents[1] / "golden" / "middle.hsc").read_bytes()
    semantics = codec.parse(golden)
    for index, smile in enumerate((0.0, 0.5, 1.0, -0.5, -1.0)):
        picture = codec.render_preview(codec.edit(semantics, {"smile": smile}))
        picture.resize((256, 256)).save(folder / ("more" if index > 2 else "") / f"face.{index}.png")
    (folder / "broken.jpg").write_bytes(b"no picture at all")
    return folder


@pytest.fixture(scope="session")
def coded(pictures, tmp_path_factory) -> Path:
    """The shards of those, made in one go."""
    from tests.batch.helpers import QUICK, batch

    out = tmp_path_factory.mktemp("coded") / "out"
    done = batch("encode", pictures, out, *QUICK, "--columns", "hsc,codes")
    assert done.returncode == 0, done.stderr
    return out
