"""How many threads a process computes with, and that they sleep while they wait.

The OpenMP runtime that PyTorch brings spins while it waits: on a core that another program wants, two threads that spin
for each other take many times as long as two that sleep, and on a quiet machine they are no faster. And it starts a
thread for each core of the host, also in a container that may use two of sixty-four.

Both are read from the environment, once, when PyTorch is loaded. So :func:`configure` is to be called before; the
package's entry points do (the command lines, the app, the tests, and ``hsc.Codec`` when it is first asked for). A
program that imports torch before hsc keeps the number of threads that torch has there, unless ``HSC_THREADS`` says
another, and should set ``OMP_WAIT_POLICY=PASSIVE`` itself.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from hsc.errors import HSCError

VARIABLE = "HSC_THREADS"
"""Environment variable that overrides the number of threads."""
MOST = 1024
"""Threads that may be asked for."""
_BEHIND = 10
"""A thread at it has a tenth of the weight of one at 0."""
_WAIT_PASSIVELY = {
    "OMP_WAIT_POLICY": "PASSIVE",  # GNU's and LLVM's runtimes
    "KMP_BLOCKTIME": "0",  # LLVM's and Intel's, in milliseconds
}


def configure(threads: int | None = None) -> int:
    """Settle how this process, and those that it starts, compute on the CPU; to be called before torch is imported.

    Changes the environment: threads wait passively unless it says otherwise, and their number is ``threads``, else
    ``HSC_THREADS``, else ``OMP_NUM_THREADS``, else :func:`usable_cores`. May be called again with another number.

    Returns:
        That number; the renderer's threads follow it.

    Raises:
        HSCError: ``HSC_THREADS`` is no number of threads.
    """
    wanted = threads or _from_environment()
    for name, value in _WAIT_PASSIVELY.items():
        os.environ.setdefault(name, value)
    if wanted is None:
        os.environ.setdefault("OMP_NUM_THREADS", str(usable_cores()))
    else:
        os.environ["OMP_NUM_THREADS"] = str(wanted)
    if threads is not None:
        os.environ[VARIABLE] = str(threads)  # for processes that are started from here
    torch = sys.modules.get("torch")
    if wanted is not None and torch is not None:  # which reads the environment no more
        torch.set_num_threads(wanted)
    # OMP_NUM_THREADS may list numbers for nested regions, and need not be one that makes sense.
    first = os.environ["OMP_NUM_THREADS"].split(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) else usable_cores()


def step_back() -> None:
    """Let others go first from now on: this thread, the threads that it starts, and their processes.

    They take what the processor has left, and a tenth of what each other thread on their core takes. For good, and only
    on Linux, where threads have a priority each; elsewhere it changes nothing. A share of many cores that is bounded by
    a quota is first come, first served all the same.
    """
    if sys.platform == "linux":
        own = threading.get_native_id()
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, own, max(_BEHIND, os.getpriority(os.PRIO_PROCESS, own)))


def usable_cores(root: Path = Path("/")) -> int:
    """Cores that this process may use: by its affinity, and by the CPU quotas of the containers that it is in.

    Args:
        root: where ``proc`` and ``sys`` are looked for.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min([cores, *_quotas(root)])))


def _from_environment() -> int | None:
    value = os.environ.get(VARIABLE, "").strip()
    if not value:
        return None
    if not (value.isdecimal() and 1 <= int(value) <= MOST):
        raise HSCError(f"{VARIABLE} is {value!r}; it must be a whole number from 1 to {MOST}.")
    return int(value)


def _quotas(root: Path) -> Iterator[float]:
    """CPU quotas, in cores, of this process's control groups and of those around them, versions 1 and 2."""
    mounts = root / "sys" / "fs" / "cgroup"
    for line in _words(root / "proc" / "self" / "cgroup", "\n"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            for group in _groups([mounts, mounts / "unified"], path):
                yield from _ratio(_words(group / "cpu.max"))
        elif "cpu" in controllers.split(","):
            for group in _groups([mounts / "cpu", mounts / controllers], path):
                times = (_words(group / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
                yield from _ratio([word for words in times for word in words])


def _groups(mounts: list[Path], path: str) -> Iterator[Path]:
    """Folders of a group and of all around it. In a container its path may be the host's, and not be there."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for mount in mounts:
        for depth in range(len(parts) + 1):
            yield mount.joinpath(*parts[:depth])


def _ratio(words: list[str]) -> Iterator[float]:
    """Quota over period, both in microseconds; nothing where there is no quota (``max``, or -1)."""
    if len(words) == 2 and all(word.isdecimal() and int(word) for word in words):
        yield int(words[0]) / int(words[1])


def _words(path: Path, separator: str | None = None) -> list[str]:
    try:
        return path.read_text().split(separator)
    except (OSError, UnicodeDecodeError):
        return []
