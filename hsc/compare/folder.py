"""Codecs side by side on a folder of faces: a benchmark, by several processes, resumable."""

from __future__ import annotations

import functools
import hashlib
import json
import multiprocessing
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hsc import baselines
from hsc.baselines import BaselineError, ImageCodec, RateSearch
from hsc.compare import cache as cache_files
from hsc.compare.result import (
    SIDE,
    Judge,
    Result,
    as_compared,
    default_judge,
    describe,
    name_of,
    run_codec,
    unmeasured,
)
from hsc.compare.summary import YARDSTICK, Report
from hsc.errors import HSCError
from hsc.imaging.images import pictures_in

RATES = (400, 800, 1500, 3000, 6000)
"""Bytes of a benchmark, unless told otherwise."""
YARDSTICK_RATES = (200, 400, 800, 1500, 3000, 6000, 12000, 24000)
"""Bytes at which the yardstick is measured as well, so that its curve spans the others'."""


@dataclass(frozen=True)
class Example:
    """One picture of a benchmark, to be looked at: the original, and what each codec made of it."""

    picture: str
    target: int
    original: Image.Image
    restored: list[tuple[Result, Image.Image]]


def compare_folder(
    folder: Path,
    rates: Sequence[int] = RATES,
    keys: Sequence[str] | None = None,
    cache: Path | None = None,
    processes: int = 2,
    limit: int | None = None,
    command: str = "",
    load: Callable[[Sequence[str]], list[ImageCodec]] | None = None,
    load_judge: Callable[[], Judge] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Report:
    """Compare codecs on every picture of a folder.

    What is in the cache (same pixels, same codec and settings, same rate, same metrics) is not done again, so
    that an interrupted run goes on where it was.

    Args:
        folder: aligned, square faces.
        rates: bytes of the files.
        keys: codecs, see `baselines.get`; by default all that are available and not slow.
        cache: folder; None keeps nothing.
        processes: at work at the same time; 1 stays in this process.
        limit: only the first pictures, in the order of their names.
        command: kept in the report.
        load, load_judge: make the codecs of some keys, and the judge, in every process; must be picklable.
        progress: called with (done, total, what) as work proceeds.

    Raises:
        ImageError: the folder has no pictures.
        BaselineError: no such codec, or a process was killed.
    """
    paths = pictures_in(folder)[:limit]
    load = load or load_codecs
    load_judge = load_judge or default_judge
    keys = list(dict.fromkeys(keys)) if keys else [codec.key for codec in baselines.codecs() if not codec.slow]
    known = load(keys)
    described = {codec.key: describe(codec) for codec in known}
    jobs = []
    for path in paths:
        for codec in known:
            if described[codec.key]["reason"] is None:
                targets = set(rates) | (set(YARDSTICK_RATES) if codec.key == YARDSTICK else set())
                jobs.append(_Job(path, codec.key, tuple(sorted(targets)), cache))
    results: list[Result] = []
    features: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    total = len(jobs)
    for done, (job, rows) in enumerate(_run(jobs, keys, load, load_judge, processes), start=1):
        for result, original, restored in rows:
            results.append(result)
            if len(restored):
                features.setdefault(f"{result.codec}/{result.target}", []).append((original, restored))
        if progress:
            progress(done, total, f"{described[job.key]['name']} {job.path.name}")
    results.sort(key=lambda result: (keys.index(result.codec), result.picture, result.target))
    about = {
        "date": time.strftime("%Y-%m-%d"),
        "command": command,
        "folder": folder.name,
        "pictures": len(paths),
        "rates": sorted(rates),
        "side": SIDE,
        "versions": versions(),
        "machine": platform.machine(),
    }
    distances = {key: _frechet(pairs) for key, pairs in features.items() if len(pairs) > 1}
    return Report(about, described, results, distances)


def examples(
    report: Report, folder: Path, count: int, target: int, codecs: Sequence[ImageCodec] | None = None
) -> list[Example]:
    """Decode the first pictures of a benchmark again, at one of its rates.

    Args:
        report: fresh from `compare_folder`: one that was loaded from JSON has no files.
        folder: of the originals.
        codecs: those of the benchmark, by default from `baselines.get`.

    Raises:
        ImageError: a picture is not there any more.
        BaselineError: a codec cannot decode its file.
    """
    by_key = {codec.key: codec for codec in codecs or load_codecs(list(report.codecs))}
    chosen: dict[str, list[Result]] = {}
    for result in report.results:
        if result.target == target and result.data is not None:
            chosen.setdefault(result.picture, []).append(result)
    found = []
    for picture in sorted(chosen)[:count]:
        restored = [(result, by_key[result.codec].decode(result.data or b"")) for result in chosen[picture]]
        found.append(Example(picture, target, _open(folder / picture), restored))
    return found


def load_codecs(keys: Sequence[str]) -> list[ImageCodec]:
    """One codec for each key.

    Raises:
        BaselineError: no such codec.
    """
    return [baselines.get(key) for key in keys]


def versions() -> dict[str, str]:
    """Versions of the packages that the numbers depend on, as far as they are installed."""
    found = {"python": platform.python_version()}
    for package in ("torch", "compressai", "pillow", "imageio-ffmpeg", "numpy"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    from hsc.metrics.identity import network_name

    return found | {"identity network": network_name()}


@dataclass(frozen=True)
class _Job:
    """One picture through one codec at all rates: the searches for the rates help one another."""

    path: Path
    key: str
    targets: tuple[int, ...]
    cache: Path | None


class _Worker:
    """Does jobs; keeps the codecs, the judge and what it prepared for the last picture."""

    def __init__(self, keys, load, load_judge) -> None:
        self._codecs = {codec.key: codec for codec in load(keys)}
        self._load_judge = load_judge
        self._descriptions: dict[str, str] = {}
        self._picture: tuple[Path, Image.Image, str] | None = None
        self._prepared: tuple[Path, Any, np.ndarray] | None = None
        self._judged: dict[tuple[str, bytes], tuple[dict[str, float], np.ndarray]] = {}

    @functools.cached_property
    def _judge(self) -> Judge:
        return self._load_judge()

    def __call__(self, job: _Job) -> tuple[_Job, list[cache_files.Measured]]:
        codec = self._codecs[job.key]
        try:
            original, digest = self._picture_of(job.path)
        except HSCError as error:
            empty = np.empty(0, np.float32)
            row = Result(codec.key, name_of(codec), codec.kind, job.path.name, 0, reason=str(error))
            return job, [(replace(row, target=target), empty, empty) for target in job.targets]
        # Once for each codec: it may be the digest of many megabytes of weights.
        description = self._descriptions.get(codec.key) or codec.description()
        self._descriptions[codec.key] = description
        search: RateSearch | None = None
        rows = []
        for target in job.targets:
            identity = [cache_files.FORMAT, digest, codec.key, description, target, self._judge.version]
            name = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
            path = job.cache / name[:2] / f"{name}.json" if job.cache else None
            found = cache_files.read(path, codec, job.path.name)
            if found is None:
                if search is None:
                    try:
                        search = codec.rate_search(original)
                    except Exception:
                        search = None  # `run_codec` tries again, and keeps the reason
                found = self._measure(codec, original, job.path, target, search)
                if found[0].reason is None:
                    cache_files.write(path, found)
            rows.append(found)
        return job, rows

    def _picture_of(self, path: Path) -> tuple[Image.Image, str]:
        if self._picture is None or self._picture[0] != path:
            original = _open(path)
            self._picture = path, original, hashlib.sha256(original.tobytes()).hexdigest()
        return self._picture[1:]

    def _measure(self, codec, original, path, target, search) -> cache_files.Measured:
        result = run_codec(codec, original, path.name, target, search)
        empty = np.empty(0, np.float32)
        if result.reason is not None:
            return result, empty, empty
        try:
            if self._prepared is None or self._prepared[0] != path:
                self._prepared = path, self._judge.prepare(original), self._judge.features(original)
                self._judged = {}
            assert result.data is not None and result.restored is not None  # there is no reason why not
            # A codec that cannot go lower gives one file for several rates.
            if (codec.key, result.data) not in self._judged:
                metrics = self._judge.measure(self._prepared[1], result.restored)
                self._judged[codec.key, result.data] = metrics, self._judge.features(result.restored)
        except Exception as error:
            return replace(result, final=True, restored=None, reason=unmeasured(result, error)), empty, empty
        metrics, features = self._judged[codec.key, result.data]
        result = replace(result, metrics=metrics, final=True, restored=None)
        return result, self._prepared[2], features


def _open(path: Path) -> Image.Image:
    from hsc.imaging import images

    return as_compared(images.open_image(path))


_worker: _Worker | None = None  # of this process, where it is one of several


def _start_worker(keys, load, load_judge) -> None:
    global _worker
    from hsc.runtime.memory import keep_memory

    keep_memory()
    try:
        import torch

        torch.set_num_threads(1)  # as many processes as cores: more threads only wait for each other
    except ImportError:
        pass
    _worker = _Worker(keys, load, load_judge)


def _do(job: _Job) -> tuple[_Job, list[cache_files.Measured]]:
    assert _worker is not None  # `_start_worker` ran first
    return _worker(job)


def _run(jobs, keys, load, load_judge, processes) -> Iterator[tuple[_Job, list[cache_files.Measured]]]:
    if processes <= 1 or len(jobs) <= 1:
        worker = _Worker(keys, load, load_judge)
        yield from map(worker, jobs)
        return
    spawn = multiprocessing.get_context("spawn")  # a fork of a process with torch's threads may hang
    with ProcessPoolExecutor(processes, spawn, _start_worker, (keys, load, load_judge)) as pool:
        try:
            for future in as_completed([pool.submit(_do, job) for job in jobs]):
                yield future.result()
        except BrokenProcessPool as error:
            raise BaselineError(
                "A process of the comparison was killed, perhaps for want of memory; run it again to go on, "
                "with one process if need be."
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _frechet(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Distance between the Gaussians of two sets of features, of two pictures at least."""
    from hsc.compare.face_judge import frechet_distance

    originals, restored = (np.stack(column) for column in zip(*pairs))
    return frechet_distance(originals, restored)
