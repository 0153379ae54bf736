"""Run a decoder through the conformance kit."""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hsc import paths
from hsc.errors import HSCError

Ask = Callable[[dict[str, Any]], dict[str, Any]]
"""A request to an answer."""


@dataclass
class Report:
    """What came out.

    Attributes:
        files: number of files that were tried.
        checks: number of comparisons that were made.
        failures: a line for each that failed.
        skipped: kinds of request that the decoder does not support.
    """

    files: int = 0
    checks: int = 0
    failures: list[str] = field(default_factory=list)
    skipped: set[str] = field(default_factory=set)

    def check(self, holds: bool, sentence: str) -> None:
        """Count a comparison."""
        self.checks += 1
        if not holds:
            self.failures.append(sentence)


def kit_folder() -> Path:
    """Folder of the kit: ``tests/conformance/kit`` of a checkout, or where an installation has it.

    Raises:
        HSCError: it is not there.
    """
    for folder in (
        paths.assets() / "conformance",
        Path(__file__).resolve().parents[2] / "tests" / "conformance" / "kit",
    ):
        if (folder / "kit.json").is_file():
            return folder
    raise HSCError("The conformance kit is not installed.")


def run(
    ask: Ask | None = None, folder: Path | None = None, progress: Callable[[str], None] = lambda name: None
) -> Report:
    """Try every file of the kit.

    Args:
        ask: the decoder; by default this project's own, from which errors must also have the kit's very words.
        folder: of the kit, by default the one that comes with the project.
        progress: is told the name of each file before it is tried.
    """
    folder = kit_folder() if folder is None else folder
    kit = json.loads((folder / "kit.json").read_text(encoding="utf-8"))
    report, exact = Report(), ask is None
    if ask is None:
        from hsc.codec import Codec
        from hsc.conformance.protocol import answer

        codec = Codec.load()
        ask = lambda request: answer(codec, request)  # noqa: E731
    with tempfile.TemporaryDirectory(prefix="hsc-") as scratch:
        for name, expected in kit["files"].items():
            progress(name)
            report.files += 1
            _File(ask, folder, name, expected, kit, report, exact, Path(scratch) / "picture.png").check()
    return report


@dataclass
class _File:
    ask: Ask
    folder: Path
    name: str
    expected: dict[str, Any]
    kit: dict[str, Any]
    report: Report
    exact: bool
    out: Path

    def check(self) -> None:
        if "error" in self.expected:
            self._is_refused()
            return
        self._holds_its_layers(None, self.expected["ends"], self.expected)
        for size in self._prefixes():
            self._holds_its_layers(size, [end for end in self.expected["ends"] if end <= size], None)
        if "features" in self.expected:
            self._has_its_features()
        if "picture" in self.expected:
            self._has_its_picture()

    def _asked(self, do: str, **more: Any) -> dict[str, Any] | None:
        answer = self.ask({"do": do, "file": str(self.folder / self.name), **more})
        if "unsupported" in answer:
            self.report.skipped.add(do)
            return None
        return answer

    def _prefixes(self) -> list[int]:
        """Lengths at and beside each layer's end, and each way through the header."""
        whole = (self.folder / self.name).stat().st_size
        # Part of an edit chunk is no file: a complete main stream, or less, is.
        most = self.expected.get("main", whole)
        sizes = {0, 1, 3, 4, 9, 10, 11, most - 2, most - 1}
        sizes |= {end + step for end in self.expected["ends"] for step in (-1, 0, 1)}
        return sorted(size for size in sizes if 0 <= size < most)

    def _is_refused(self) -> None:
        answer = self._asked("symbols")
        if answer is None:
            return
        found = answer.get("error")
        self.report.check(bool(found), f"{self.name}: is to be refused ({self.expected['error']})")
        if self.exact and found:
            self.report.check(found == self.expected["error"], f"{self.name}: says {found!r}")

    def _holds_its_layers(self, prefix: int | None, ends: list[int], told: dict[str, Any] | None) -> None:
        more = {} if prefix is None else {"prefix": prefix}
        answer = self._asked("symbols", **more)
        if answer is None:
            return
        where = self.name if prefix is None else f"{self.name}, first {prefix} bytes"
        if "error" in answer:
            self.report.check(False, f"{where}: is refused, {answer['error']}")
            return
        self.report.check(answer["ends"] == ends, f"{where}: layers end at {answer['ends']}, not {ends}")
        digests = self.expected["symbols"][: len(ends)]
        self.report.check(answer["symbols"] == digests, f"{where}: symbols differ")
        complete = prefix is None and self.expected["complete"]
        self.report.check(answer["complete"] == complete, f"{where}: complete is {answer['complete']}")
        for key in ("model", "quality", "edits") if told else ():
            self.report.check(answer[key] == told[key], f"{where}: {key} is {answer[key]}, not {told[key]}")

    def _has_its_features(self) -> None:
        answer = self._asked("features")
        if answer is None:
            return
        for key, values in self.expected["features"].items():
            expected = np.array(values)
            found = np.array(answer.get(key, np.full(len(values), np.nan)), float)
            error = float(np.abs(found - expected).max() / max(float(np.abs(expected).max()), 1e-6))
            close = found.shape == expected.shape and error <= self.kit["tolerance"]
            self.report.check(close, f"{self.name}: {key} differs by {error:.2e} of its largest value")

    def _has_its_picture(self) -> None:
        self.out.unlink(missing_ok=True)
        if self._asked("picture", size=256, out=str(self.out)) is None:
            return
        with Image.open(self.folder / self.expected["picture"]) as reference, Image.open(self.out) as picture:
            pair = [np.asarray(each.convert("RGB"), np.float64) for each in (reference, picture)]
        error = float(np.square(pair[0] - pair[1]).mean()) if pair[0].shape == pair[1].shape else np.inf
        decibels = 10 * np.log10(255**2 / max(error, 1e-9))
        self.report.check(decibels >= self.kit["decibels"], f"{self.name}: picture is {decibels:.1f} dB from its own")


@contextmanager
def decoder(command: str, timeout: float = 120) -> Iterator[Ask]:
    """Another program as a decoder: it answers requests from standard input, a line each, on standard output.

    Raises:
        HSCError: it cannot be started, ends early, takes longer than ``timeout`` seconds or answers something else.
    """
    try:
        words = shlex.split(command)
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    except (OSError, ValueError, IndexError) as error:
        raise HSCError(f"The decoder {command!r} cannot be started: {error}.") from error

    def ask(request: dict[str, Any]) -> dict[str, Any]:
        import threading

        watch = threading.Timer(timeout, process.kill)
        watch.start()
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = ""
        finally:
            watch.cancel()
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            told = "nothing" if not line else repr(line.strip()[:80])
            raise HSCError(f"The decoder {command!r} answers {told}, not a JSON object, to {json.dumps(request)}.")
        return answer

    try:
        yield ask
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
