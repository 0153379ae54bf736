"""The ffmpeg that `imageio-ffmpeg` ships: found, probed, and run through pipes, with no temporary file."""

from __future__ import annotations

import functools
import os
import re
import signal
import subprocess

from hsc.baselines.protocol import BaselineError

_TIMEOUT = 120.0  # seconds; the slowest single call on one 1024x1024 picture takes about 5


def executable() -> str:
    """Path of the ffmpeg to use; the environment variable ``IMAGEIO_FFMPEG_EXE`` names another.

    Raises:
        BaselineError: there is none.
    """
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise BaselineError("the package imageio-ffmpeg, which brings ffmpeg, is not installed") from error
    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise BaselineError("no ffmpeg was found: imageio-ffmpeg has none for this platform") from error


def missing(encoder: str, decoder: str) -> str | None:
    """Why this encoder and decoder cannot be used through ffmpeg here, or None."""
    try:
        path = executable()
        for side, names in (("encoder", {encoder}), ("decoder", {decoder})):
            absent = names - _listed(path, _stamp(path), f"-{side}s")
            if absent:
                return f"this platform's ffmpeg ({version()}) has no {side} {absent.pop()}"
    except BaselineError as error:
        return str(error)
    return None


def version() -> str:
    """The version in ffmpeg's first line, such as ``n9.0.2``."""
    path = executable()
    return _version(path, _stamp(path))


def run(arguments: list[str], data: bytes, doing: str) -> bytes:
    """Give `data` to ffmpeg on its standard input, and return its standard output.

    Args:
        arguments: without the executable.
        doing: what fails when this fails, for the message: "VVC encoding".

    Raises:
        BaselineError: ffmpeg is not there, cannot be started, was killed, hangs, or reports an error.
    """
    return _run(executable(), ["-loglevel", "error", *arguments], data, doing)


def _run(path: str, arguments: list[str], data: bytes, doing: str) -> bytes:
    command = [path, "-hide_banner", "-nostdin", *arguments] if data == b"" else [path, "-hide_banner", *arguments]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise BaselineError(f"{doing} was given up: ffmpeg took more than {_TIMEOUT:.0f} seconds") from error
    except OSError as error:
        raise BaselineError(f"ffmpeg cannot be started: {error.strerror or error}") from error
    if done.returncode < 0:
        raise BaselineError(f"{doing} failed: ffmpeg was killed ({_signal_name(-done.returncode)})")
    if done.returncode > 0:
        raise BaselineError(f"{doing} failed: {first_complaint(done.stderr)}")
    return done.stdout


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def first_complaint(stderr: bytes) -> str:
    """ffmpeg's first error line (those that follow are its consequences), without the part in brackets."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("Svt[")] or lines
    return re.sub(r"^(\[[^]]*\]\s*)+", "", lines[0]) if lines else "ffmpeg gave no reason"


def _stamp(path: str) -> float:
    """Makes what was learnt of one executable void once another takes its place."""
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


@functools.lru_cache(maxsize=16)
def _listed(path: str, stamp: float, what: str) -> frozenset[str]:
    """Names in the table that ``ffmpeg -encoders`` or ``-decoders`` prints."""
    table = _run(path, [what], b"", "looking for codecs").decode(errors="replace")
    return frozenset(re.findall(r"^ [A-Z.]{6} (\S+)", table, flags=re.MULTILINE))


@functools.lru_cache(maxsize=16)
def _version(path: str, stamp: float) -> str:
    first = _run(path, ["-version"], b"", "asking for the version").decode(errors="replace").split("\n", 1)[0]
    found = re.match(r"ffmpeg version ([^\s-]+)", first)
    if not found:
        raise BaselineError(f"{os.path.basename(path)} does not answer as ffmpeg does")
    return found.group(1)
