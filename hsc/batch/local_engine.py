"""The built-in engine: as many worker processes as there are cores, one thread each."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator

from hsc.batch.options import Job
from hsc.batch.sources import Item
from hsc.batch.worker import Worker

_AHEAD = 4
"""Results of a worker that may wait to be written down, before it waits."""


class LocalEngine:
    """Runs a job in processes of this machine.

    Args:
        workers: how many; each keeps a codec in memory.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def run(self, job: Job, tasks: Iterable[tuple[int, Item]]) -> Generator[tuple[int, bytes], None, None]:
        """Number and packed records of each picture, in whatever order they are done.

        Closing the iterator ends the workers.

        Raises:
            HSCError: the run cannot go on.
        """
        pool = _Pool(job, iter(tasks), self.workers)
        try:
            yield from pool.results()
        finally:
            pool.close()


class _Pool:
    """A thread for each worker process, which waits for it: processes are waited for alike on every system."""

    def __init__(self, job: Job, tasks: Iterator[tuple[int, Item]], count: int) -> None:
        self._tasks, self._lock, self._stopped = tasks, threading.Lock(), threading.Event()
        self._room = threading.Semaphore(_AHEAD * count)
        self._done: queue.SimpleQueue[tuple[int, bytes] | BaseException | None] = queue.SimpleQueue()
        self._workers = [Worker(job) for _ in range(count)]
        self._servers = [threading.Thread(target=self._serve, args=(each,), daemon=True) for each in self._workers]
        for server in self._servers:
            server.start()

    def results(self) -> Iterator[tuple[int, bytes]]:
        """What the workers did, until there is nothing left to do."""
        working = len(self._workers)
        while working:
            result = self._done.get()
            if isinstance(result, BaseException):
                raise result
            if result is None:
                working -= 1
            else:
                self._room.release()
                yield result

    def close(self) -> None:
        """End the workers, and wait until they are gone."""
        self._stopped.set()
        for worker in self._workers:
            worker.abort()
        for _ in self._servers:
            self._room.release()
        for server in self._servers:
            server.join()
        for worker in self._workers:
            worker.close()

    def _serve(self, worker: Worker) -> None:
        try:
            while (task := self._next()) is not None:
                self._done.put((task[0], worker.run(*task)))
            self._done.put(None)
        except BaseException as error:  # the run's thread raises it
            self._done.put(error)

    def _next(self) -> tuple[int, Item] | None:
        self._room.acquire()
        with self._lock:
            return None if self._stopped.is_set() else next(self._tasks, None)
