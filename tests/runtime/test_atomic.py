"""Files appear whole or not at all, with the permissions of a new or of the old file, under names that may be shown."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from hsc.errors import HSCError
from hsc.runtime import atomic
from hsc.runtime.names import for_program, is_stream, shown


@pytest.fixture(params=[0o022, 0o027, 0o077, 0o002])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_new_file_follows_the_umask_whatever_its_writer_does(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "new.bin"
    with atomic.replacing(path) as temporary:
        temporary.unlink()  # as writers do that make a private file and rename it
        os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600))
        temporary.write_bytes(b"content")
        assert not path.exists() and temporary.suffix == ".bin" and temporary.parent == tmp_path
    assert path.read_bytes() == b"content" and stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    assert os.listdir(tmp_path) == ["new.bin"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "old"
    path.write_bytes(b"old")
    path.chmod(mode)
    atomic.write_bytes(path, b"new")
    assert path.read_bytes() == b"new" and stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError(116, "Stale file handle")])
def test_what_the_system_refuses_is_one_sentence_and_leaves_the_old_file(tmp_path: Path, error: OSError) -> None:
    path = tmp_path / "old"
    path.write_bytes(b"old")
    with pytest.raises(HSCError, match=f"old cannot be written: {error.strerror}.$"), atomic.replacing(path) as new:
        new.write_bytes(b"half")
        raise error
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["old"]


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, GeneratorExit, RuntimeError])
def test_whatever_ends_a_write_leaves_the_old_file(tmp_path: Path, end: type[BaseException]) -> None:
    path = tmp_path / "old"
    path.write_bytes(b"old")
    with pytest.raises(end), atomic.replacing(path) as new:
        new.write_bytes(b"half")
        raise end
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["old"]


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target, link, astray = tmp_path / "far" / "target", tmp_path / "link", tmp_path / "astray"
    target.write_bytes(b"old")
    link.symlink_to(target)
    astray.symlink_to(tmp_path / "far" / "none yet")
    for path in (link, astray):
        atomic.write_bytes(path, b"new")
        assert path.is_symlink() and path.read_bytes() == b"new"


def test_a_name_may_have_all_its_bytes(tmp_path: Path) -> None:
    for name in ("x" * 255, "é" * 127, "." + "y" * 254, "a." + "z" * 253, os.fsdecode(b"\xff" * 255)):
        atomic.write_text(tmp_path / name, "ä")
        assert (tmp_path / name).read_text(encoding="utf-8") == "ä"
    assert len(os.listdir(tmp_path)) == 5
    with pytest.raises(HSCError, match="File name too long"):
        atomic.write_bytes(tmp_path / ("x" * 256), b"")


def test_text_that_is_none_is_replaced(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "page", "a\udce9b")
    assert (tmp_path / "page").read_bytes() == b"a?b"


def test_a_pipe_gets_what_is_written(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    atomic.write_bytes(pipe, b"through")
    assert os.read(reader, 100) == b"through" and stat.S_ISFIFO(pipe.stat().st_mode)
    os.close(reader)


def test_open_streams_are_known_by_any_name(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/stdout")
    (tmp_path / "second").symlink_to("link")
    for path in ("/dev/stdout", "/dev/fd/3", "/proc/self/fd/1", "/dev/../dev/stderr", tmp_path / "second"):
        assert is_stream(path), path
    for path in ("/dev/shm/x", "/dev/null", "x", tmp_path / "none", "/proc/self/status"):
        assert not is_stream(path), path


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_where_nothing_can_be_written_is_said_with_the_name(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(HSCError, match=f"{folder}/x cannot be written: (No such file|Not a directory)"):
        atomic.write_bytes(tmp_path / folder / "x", b"")
    with pytest.raises(HSCError, match="cannot be written"):
        atomic.write_bytes(tmp_path, b"")
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("name", ["日本語.jpg", "caf\udce9.jpg", "a\nb", "\x1b[2J", "a\u202eb", "tab\t", "\x7f"])
def test_every_name_can_be_shown_in_one_line(name: str) -> None:
    assert shown(name).isprintable() and len(shown(name)) == len(name)
    shown(name).encode("utf-8")
    assert shown("日本語.jpg") == "日本語.jpg" and shown(Path("a b/c.jpg")) == str(Path("a b/c.jpg"))
    assert shown(b"caf\xe9") == "caf\N{REPLACEMENT CHARACTER}"


def test_names_are_no_options_or_protocols_of_other_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert for_program(Path("-x.mp4")) == f"file:{tmp_path}/-x.mp4"
    assert for_program(Path("14:02.mp4")) == f"file:{tmp_path}/14:02.mp4"
    assert for_program(PurePosixPath("/a/b:c.mp4")) == "file:/a/b:c.mp4"
    assert for_program(PureWindowsPath(r"C:\films\me.mp4")) == r"file:C:\films\me.mp4"
    assert for_program(PureWindowsPath(r"\\server\share\me.mp4")) == r"file:\\server\share\me.mp4"


def test_an_hour_that_comes_twice_changes_nothing(tmp_path: Path) -> None:
    """Clocks jump, and files come with times of the future: whether a file is kept does not depend on them."""
    path = tmp_path / "old"
    path.write_bytes(b"old")
    for when in (0, 2**33):
        os.utime(path, (when, when))
        atomic.write_bytes(path, b"new")
        assert path.read_bytes() == b"new"
