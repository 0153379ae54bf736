"""The same on Ray: the pictures are a Ray Data set, and actors that each keep a worker map it batch by batch.

Ray Data gives back blocks in any order, and may do one twice where a node was lost; every result carries its picture's
number, and the run puts it where it belongs. An actor does not compute: it has a worker process, as the built-in engine
has, because Ray begins an actor anew for ever where one and the same picture ends it each time.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import socket
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hsc.batch.options import Job
from hsc.batch.sources import Item
from hsc.batch.worker import Worker
from hsc.errors import HSCError
from hsc.runtime.names import reason

LOCAL = "local"
"""The address that stands for a Ray which is started in this process, and ends with it."""
_LARGEST_BLOCK = 64
"""Pictures that an actor is given at a time, at most: what a lost node did of its block is done again."""
_BLOCKS = 4096
"""Blocks of one data set at most: Ray Data's own accounts grow with them."""
_PATIENCE = 10
"""Seconds that a cluster may take to answer."""


class RayEngine:
    """Runs a job on a Ray cluster.

    Args:
        address: ``host:port``, ``ray://host:port``, ``auto``, or :data:`LOCAL`.
        workers: actors, each with one worker.
        gpus: of the cluster in all, shared evenly among the actors.

    Raises:
        HSCError: Ray is not installed, or the cluster cannot be reached.
    """

    def __init__(self, address: str, workers: int, gpus: float = 0) -> None:
        self.workers, self._gpus, self._address = workers, gpus, address
        _check_address(address)
        self._ray = _import_ray()

    def run(self, job: Job, tasks: Iterable[tuple[int, Item]]) -> Generator[tuple[int, bytes], None, None]:
        """Number and packed records of each picture, in any order, and of some maybe twice.

        Closing the iterator ends the actors, and a Ray that was started here.

        Raises:
            HSCError: the run cannot go on.
        """
        self._connect()
        try:
            tasks = iter(tasks)
            while some := list(itertools.islice(tasks, _LARGEST_BLOCK * _BLOCKS)):
                yield from self._map(job, some)
        except HSCError:
            raise
        except self._ray.exceptions.RayError as error:
            said = str(error).strip().splitlines() or [type(error).__name__]
            raise HSCError(f"Ray ended the run: {said[-1].rstrip('.')}.") from error
        finally:
            self._ray.shutdown()

    def _map(self, job: Job, tasks: list[tuple[int, Item]]) -> Iterator[tuple[int, bytes]]:
        import pyarrow as pa

        block = max(1, min(_LARGEST_BLOCK, len(tasks) // (16 * self.workers)))
        tables = []
        for start in range(0, len(tasks), block):
            some = tasks[start : start + block]
            columns = {
                "number": [number for number, _ in some],
                "item": [json.dumps(asdict(item)) for _, item in some],
            }
            tables.append(pa.table(columns))
        done = self._ray.data.from_arrow(tables).map_batches(
            _Actor,
            fn_constructor_args=(job.as_json(),),
            batch_format="pyarrow",
            batch_size=None,
            compute=self._ray.data.ActorPoolStrategy(size=self.workers),
            num_cpus=1,
            num_gpus=self._gpus / self.workers or None,
        )
        for batch in done.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            for number, fatal, body in zip(*(batch.column(name).to_pylist() for name in ("number", "fatal", "body"))):
                if fatal:
                    raise HSCError(body.decode())
                yield number, body

    def _connect(self) -> None:
        ray = self._ray
        home = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR, "ignore_reinit_error": True}
        try:
            if self._address == LOCAL:
                ray.init(
                    num_cpus=self.workers,
                    num_gpus=self._gpus or None,
                    include_dashboard=False,
                    runtime_env={"env_vars": {"PYTHONPATH": path}},
                    **quiet,
                )
            else:
                ray.init(address=self._address, **quiet)
        except Exception as error:  # of a dozen kinds, by what is wrong with the cluster
            raise HSCError(_unreachable(self._address, error)) from error
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)


class _Actor:
    """Maps blocks of inputs to blocks of packed records."""

    def __init__(self, job: str) -> None:
        self._worker = Worker(Job.from_json(job))

    def __call__(self, batch: Any) -> Any:
        import pyarrow as pa

        numbers, bodies, fatal = batch.column("number").to_pylist(), [], False
        for number, item in zip(numbers, batch.column("item").to_pylist()):
            try:
                bodies.append(self._worker.run(number, Item(**json.loads(item))))
            except HSCError as error:
                bodies.append(str(error).encode())
                fatal = True
                break
        count = len(bodies)
        flags = [fatal and index == count - 1 for index in range(count)]
        return pa.table({"number": numbers[:count], "fatal": flags, "body": pa.array(bodies, pa.large_binary())})


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    os.environ.setdefault("RAY_DISABLE_IMPORT_WARNING", "1")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what is an error for the user is raised
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # as Ray's next releases have it
    try:
        import ray
        import ray.data
        import ray.exceptions
    except ImportError as error:
        raise HSCError("--ray needs Ray: pip install 'hsc-studio[batch]', or pip install 'ray[data]'.") from error
    return ray


def _check_address(address: str) -> None:
    """See at once that somebody listens there: Ray itself tries for minutes."""
    if address in (LOCAL, "auto"):
        return
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname, parts.port
        if not host or not port or parts.scheme not in ("", "ray"):
            raise ValueError
    except ValueError:
        raise HSCError(f"{address!r} is no address of a Ray cluster, such as 10.0.0.1:6379 or auto.") from None
    try:
        socket.create_connection((host, port), _PATIENCE).close()
    except OSError as error:
        raise HSCError(_unreachable(address, error)) from error


def _unreachable(address: str, error: Exception) -> str:
    if address == LOCAL:
        said = str(error).strip().splitlines() or [type(error).__name__]
        return f"Ray cannot be started here: {said[0].rstrip('.')}."
    if address == "auto":
        return "There is no Ray cluster on this machine that --ray=auto could find."
    return f"The Ray cluster at {address} cannot be reached: {reason(error)}."
