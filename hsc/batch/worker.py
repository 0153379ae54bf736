"""A process of its own for the work, one thread, the codec loaded once: what ends it costs one picture at most.

The process (:func:`main`) reads a job, then pictures, from its standard input and answers on its standard output; it
ends when its input does. Each message is a letter, a length, and so many bytes:

    in   ``J`` the job as JSON        ``P`` number and input of a picture as JSON
    out  ``L`` the codec is loaded    ``R`` packed records    ``F`` a sentence: the run cannot go on
         ``C`` what went wrong with the picture in a way that is no picture's fault; the process ends after it
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import struct
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO

from hsc.batch import records
from hsc.batch.options import Job
from hsc.batch.sources import Item
from hsc.errors import HSCError
from hsc.runtime import threads

PATIENCE = 1800
"""Seconds for one picture, or for loading the codec; a process that takes longer is ended."""
_ATTEMPTS = 2
_HEAD = struct.Struct("<cI")
_HOME = Path(__file__).resolve().parents[2]
_PROGRAM = f"import sys; sys.path.insert(0, {str(_HOME)!r}); from hsc.batch.worker import main; main()"


class Worker:
    """The parent's side: one process, started when first needed, and again after it ended.

    One picture at a time; :meth:`abort` may be called from another thread.

    Args:
        job: what to do.
        patience: seconds for one picture.
    """

    def __init__(self, job: Job, patience: float = PATIENCE) -> None:
        self._job, self._patience = job, patience
        self._process: subprocess.Popen | None = None
        self._lock = threading.Lock()
        self._aborted = False

    def run(self, number: int, item: Item) -> bytes:
        """The packed records of one picture.

        A picture whose process ends over it is tried once more, by a fresh one; then its record says so.

        Raises:
            HSCError: the run cannot go on: inputs or weights are gone, or no process can be started.
        """
        started, said = time.perf_counter(), ""
        for _ in range(_ATTEMPTS):
            self._start()
            try:
                self._send(b"P", json.dumps([number, asdict(item)]))
                kind, body = self._receive()
            except (OSError, EOFError) as error:
                said = self._end(error)
                if self._aborted:
                    break
                continue
            if kind == b"F":
                self._end()
                raise HSCError(body.decode())
            if kind == b"R":
                return body
            said = body.decode()
            self._end()
        return records.pack([records.failed(number, item, said, time.perf_counter() - started)])

    def abort(self) -> None:
        """End the process at once, and start no other."""
        with self._lock:
            self._aborted = True
            if self._process is not None:
                self._process.kill()

    def close(self) -> None:
        """End the process."""
        self.abort()
        self._end()

    def _start(self) -> None:
        """See that there is a process that has loaded the codec."""
        if self._process is not None:
            return
        said = ""
        for _ in range(_ATTEMPTS):
            with self._lock:
                if self._aborted:
                    raise HSCError("The run was ended.")
                self._process = subprocess.Popen(
                    [sys.executable, "-W", "ignore", "-c", _PROGRAM],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={**os.environ, threads.VARIABLE: "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
                    bufsize=0,
                )
            try:
                self._send(b"J", self._job.as_json())
                kind, body = self._receive()
            except (OSError, EOFError) as error:
                said = self._end(error)
                continue
            if kind == b"L":
                return
            self._end()
            raise HSCError(body.decode())
        raise HSCError(f"No worker can be started. {said}")

    def _send(self, kind: bytes, text: str) -> None:
        data = text.encode()
        _write(_channels(self._process)[0], _HEAD.pack(kind, len(data)) + data)

    def _receive(self) -> tuple[bytes, bytes]:
        deadline = time.monotonic() + self._patience
        kind, length = _HEAD.unpack(self._read(_HEAD.size, deadline))
        return kind, self._read(length, deadline)

    def _read(self, size: int, deadline: float) -> bytes:
        pieces, source = bytearray(), _channels(self._process)[1]
        while len(pieces) < size:
            if os.name == "posix" and not _ready(source, deadline - time.monotonic()):
                raise TimeoutError
            piece = os.read(source.fileno(), min(size - len(pieces), 1 << 20))
            if not piece:
                raise EOFError
            pieces += piece
        return bytes(pieces)

    def _end(self, error: BaseException | None = None) -> str:
        """End the process and say, as a sentence, how it had ended before or why it is."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return ""
        if error is not None and not isinstance(error, TimeoutError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)  # its input or output is closed: it is about to
        code = process.poll()
        process.kill()
        for channel in _channels(process):
            with contextlib.suppress(OSError):
                channel.close()
        process.wait()
        if isinstance(error, TimeoutError):
            return f"The picture took more than {self._patience:.0f} seconds."
        if code is not None and code < 0:
            return f"The process that had the picture was ended by signal {-code}, as for want of memory."
        return f"The process that had the picture ended with code {code}."


def main() -> None:
    """Serve until the input ends."""
    import signal

    from hsc.runtime.memory import keep_memory

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from the keyboard: the parent's business
    threads.configure(1)
    keep_memory()
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb", 0)
    os.dup2(2, 1)  # what a library prints must not get among the messages
    try:
        with contextlib.suppress(BrokenPipeError):
            _serve(source, sink)
    finally:
        sys.stdout = None  # nothing is left to be flushed into a pipe that is closed


def _serve(source: IO[bytes], sink: IO[bytes]) -> None:
    from hsc.batch.work import Work

    _, text = _next(source)
    try:
        work = Work(Job.from_json(text))
    except HSCError as error:
        return _answer(sink, b"F", str(error).encode())
    _silence()
    _answer(sink, b"L", b"")
    while text := _next(source)[1]:
        number, item = json.loads(text)
        try:
            _answer(sink, b"R", records.pack(work.of(number, Item(**item))))
        except HSCError as error:
            return _answer(sink, b"F", str(error).encode())
        except BrokenPipeError:
            raise
        except Exception as error:  # whatever it was, a fresh process is none the worse for it
            said = " ".join(str(error).split())[:500] or "nothing more is known"
            return _answer(sink, b"C", f"Unforeseen, {type(error).__name__}: {said}.".encode())


def _channels(process: subprocess.Popen | None) -> tuple[IO[bytes], IO[bytes]]:
    """Input and output of a process that has them."""
    assert process is not None and process.stdin is not None and process.stdout is not None
    return process.stdin, process.stdout


def _silence() -> None:
    """Let decoders that complain on standard error do so to nobody: they would write across the progress bar."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)


def _next(source: IO[bytes]) -> tuple[bytes, str]:
    """The next message; an empty one where the input has ended."""
    head = source.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return b"", ""
    kind, length = _HEAD.unpack(head)
    return kind, source.read(length).decode()


def _answer(sink: IO[bytes], kind: bytes, body: bytes) -> None:
    _write(sink, _HEAD.pack(kind, len(body)) + body)


def _write(sink: IO[bytes], data: bytes) -> None:
    """All of it: unbuffered files may write less."""
    view = memoryview(data)
    while view:
        view = view[sink.write(view) :]


def _ready(channel: IO[bytes], seconds: float) -> bool:
    return seconds > 0 and bool(select.select([channel], [], [], seconds)[0])
