"""Pictures of strangers, decoded in a process of their own: whatever the file is, it costs bounded time and memory.

A decoder that loops, takes gigabytes or crashes takes its process with it and nothing else, and the memory goes back to
the system. What a file may claim is checked here and there by :mod:`hsc.imaging.prechecks`, which
:func:`hsc.imaging.images.open_image` (the command line, the library) asks as well.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import queue
import select
import struct
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image

from hsc.errors import ImageError
from hsc.imaging.prechecks import MAX_PIXELS, MAX_SIDE, check_bytes

SECONDS = 8
"""CPU time for one picture; 40 megapixels take one to four seconds in most formats."""
MEMORY = 1_000_000_000
"""Bytes that a worker may allocate; 40 megapixels of WebP, whose decoder keeps two canvases, need 750 million."""
_PATIENCE = 10
"""A busy machine may take so many times :data:`SECONDS` by the clock: workers have a lower priority than all else."""
_HOME = Path(__file__).resolve().parents[2]
_PROGRAM = f"import sys; sys.path.insert(0, {str(_HOME)!r}); from hsc.imaging.decode_worker import main; main()"


class DecodingPool:
    """A few processes that decode, started when first needed and replaced when they fail or have grown.

    Thread-safe: callers wait for a free process.

    Args:
        workers: how many pictures are decoded at once.
        seconds: CPU time for one picture; a process that takes more is ended.
        memory: bytes that a process may allocate.
    """

    def __init__(self, workers: int = 1, seconds: int = SECONDS, memory: int = MEMORY) -> None:
        self._seconds, self._memory = seconds, memory
        self._free: queue.LifoQueue[subprocess.Popen | None] = queue.LifoQueue()
        for _ in range(workers):
            self._free.put(None)
        self._closed = False

    def open_image(self, data: bytes) -> Image.Image:
        """Read a picture as :func:`hsc.imaging.images.open_image` does: upright, mode RGB, no metadata.

        Args:
            data: the bytes of a picture file.

        Raises:
            ImageError: as there; also where decoding takes too long or too much memory.
        """
        if not data:
            raise ImageError("The picture is empty.")
        check_bytes(data)
        worker = self._free.get()
        picture: Image.Image | ImageError
        try:
            if worker is None or worker.poll() is not None:
                worker = self._start()
            picture, stays = self._decode(worker, data)
            if not stays:
                _end(worker)
                worker = None
        except (OSError, EOFError, struct.error) as error:
            _end(worker)
            worker = None
            raise ImageError(
                "The picture takes too much time or memory to decode: it is damaged, or made to be a burden."
            ) from error
        except BaseException:
            _end(worker)  # half an answer may be on its way
            worker = None
            raise
        finally:
            if self._closed:
                _end(worker)
                worker = None
            self._free.put(worker)
        if isinstance(picture, ImageError):
            raise picture
        return picture

    def close(self) -> None:
        """End the processes; those at work when they are done."""
        self._closed = True
        try:
            while True:
                _end(self._free.get_nowait())
                self._free.put(None)
                if all(worker is None for worker in list(self._free.queue)):
                    return
        except queue.Empty:
            return

    def _start(self) -> subprocess.Popen:
        # One thread: more would only reserve memory. No other variable of ours is a decoder's business.
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT") if key in os.environ}
        return subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(self._seconds), str(self._memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=kept | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=os.path.sep,
        )

    def _decode(self, worker: subprocess.Popen, data: bytes) -> tuple[Image.Image | ImageError, bool]:
        """A picture or why there is none, and whether the worker serves on."""
        channel = _Channel(worker, time.monotonic() + _PATIENCE * self._seconds)
        channel.write(struct.pack("<Q", len(data)))
        channel.write(data)
        if channel.read(1) == b"E":
            (length,) = struct.unpack("<I", channel.read(4))
            refusal = ImageError(channel.read(length).decode())
            return refusal, channel.read(1) == b"\1"
        width, height = struct.unpack("<II", channel.read(8))
        if not 0 < width * height <= MAX_PIXELS or max(width, height) > MAX_SIDE:
            raise EOFError  # it is not to be trusted any more
        picture, top = Image.new("RGB", (width, height)), 0
        while rows := struct.unpack("<I", channel.read(4))[0]:
            if top + rows > height:
                raise EOFError
            strip = Image.frombuffer("RGB", (width, rows), channel.read(3 * width * rows), "raw", "RGB", 0, 1)
            picture.paste(strip, (0, top))
            top += rows
        if top != height:
            raise EOFError
        return picture, channel.read(1) == b"\1"


class _Channel:
    """A worker's input and output with a deadline.

    Raises, of each method:
        TimeoutError: the deadline has passed.
        OSError, EOFError: the worker is gone.
    """

    def __init__(self, worker: subprocess.Popen, deadline: float) -> None:
        assert worker.stdin is not None and worker.stdout is not None  # both are pipes
        self._input, self._output, self._deadline = worker.stdin, worker.stdout, deadline

    def write(self, data: bytes) -> None:
        # The worker reads a whole file before it does anything else, so that this waits for nobody's decoder.
        self._input.write(data)
        self._input.flush()

    def read(self, size: int) -> bytes:
        pieces = bytearray()
        while len(pieces) < size:
            self._wait()
            piece = os.read(self._output.fileno(), min(size - len(pieces), 1 << 20))
            if not piece:
                raise EOFError
            pieces += piece
        return bytes(pieces)

    def _wait(self) -> None:
        if os.name != "posix":  # select knows no pipes there, and the read waits as long as the decoder takes
            return
        left = self._deadline - time.monotonic()
        if left <= 0 or not select.select([self._output], [], [], left)[0]:
            raise TimeoutError


def _end(worker: subprocess.Popen | None) -> subprocess.Popen | None:
    """End a process at once, and wait until it is gone; None, which takes its place."""
    if worker is None:
        return None
    worker.kill()
    for channel in (worker.stdin, worker.stdout):
        if channel is not None:
            with contextlib.suppress(OSError):  # what was not written yet has no reader any more
                channel.close()
    worker.wait()
    return None


@functools.lru_cache(maxsize=1)
def shared() -> DecodingPool:
    """The pool of this process; one picture at a time."""
    pool = DecodingPool()
    atexit.register(pool.close)
    return pool


def open_image(data: bytes) -> Image.Image:
    """See :meth:`DecodingPool.open_image`, of the pool of this process."""
    return shared().open_image(data)
