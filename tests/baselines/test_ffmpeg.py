"""What becomes of a missing, foreign, broken or killed ffmpeg. The replacements are real executables."""

import os
import stat
import sys

import pytest

from hsc.baselines import BaselineError, ffmpeg, get

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the replacements of ffmpeg are shell scripts")


@pytest.fixture
def replace(tmp_path, monkeypatch):
    def install(script: str) -> None:
        path = tmp_path / "ffmpeg"
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(path))

    return install


def test_the_wheel_has_what_we_need():
    assert ffmpeg.missing("libvvenc", "vvc") is None
    assert ffmpeg.version()


def test_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "nothing"))
    assert "cannot be started" in get("vvc").available()


def test_not_executable(replace, monkeypatch, tmp_path):
    (tmp_path / "ffmpeg.txt").write_text("no program")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "ffmpeg.txt"))
    assert "cannot be started" in get("vvc").available()


def test_package_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert "imageio-ffmpeg" in get("jpegxl").available()


def test_foreign_program(replace):
    replace("echo hello")
    assert "does not answer as ffmpeg" in get("vvc").available()


def test_without_vvenc(replace):
    replace('if [ "$3" = -version ]; then echo "ffmpeg version n7.0-x"; else echo " V....D libx265  x"; fi')
    reason = get("vvc").available()
    assert "n7.0" in reason and "libvvenc" in reason


def test_killed(replace, scene):
    replace("kill -9 $$")
    with pytest.raises(BaselineError, match="VVC encoding failed: ffmpeg was killed .SIGKILL."):
        get("vvc").encode(scene, 500)


def test_complains(replace, scene):
    replace('cat > /dev/null; echo "[libvvenc @ 0x1] [enc] no memory left" >&2; echo consequence >&2; exit 1')
    with pytest.raises(BaselineError, match="HEVC encoding failed: no memory left$"):
        get("hevc").encode(scene, 500)


def test_gives_nothing(replace, scene):
    replace("cat > /dev/null")
    with pytest.raises(BaselineError, match="gave no bytes"):
        get("av1").encode(scene, 500)


def test_too_slow(replace, scene, monkeypatch):
    replace("exec sleep 30")
    monkeypatch.setattr(ffmpeg, "_TIMEOUT", 0.2)
    with pytest.raises(BaselineError, match="given up"):
        get("vvc").encode(scene, 500)
