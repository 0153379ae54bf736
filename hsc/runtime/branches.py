"""Independent branches of a computation, side by side instead of one after the other on all threads.

An operator that uses two threads waits for both at its end, and waking one costs as much as a small operator takes.
Two branches on a thread each wait for each other once.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch


def side_by_side(*branches: Callable[[], Any]) -> list[Any]:
    """What functions return that compute with torch and do not depend on each other.

    Each runs in a thread of its own, which gets its share of the threads that torch has here; where there are fewer
    than branches, one after the other. Modes of torch are a thread's own, so a branch says itself whether it wants
    gradients, and ``backward`` must not reach one leaf from two of them.
    """
    threads = torch.get_num_threads()
    if threads < len(branches):
        return [branch() for branch in branches]
    ready = threading.Barrier(len(branches) + 1)

    def begin() -> None:
        torch.get_num_threads()  # what is set before a thread has asked for the first time is lost
        torch.set_num_threads(threads // len(branches))
        with contextlib.suppress(threading.BrokenBarrierError):
            ready.wait()

    with ThreadPoolExecutor(len(branches), "hsc-branch", begin) as pool:
        try:
            results = [pool.submit(branch) for branch in branches]
            ready.wait()
        except BaseException:  # a thread that could not be started: the others must not wait for it
            ready.abort()
            pool.shutdown(cancel_futures=True)
            raise
        finally:  # the setting is also that of threads yet to come
            torch.set_num_threads(threads)
        return [result.result() for result in results]
