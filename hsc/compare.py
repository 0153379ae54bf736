"""Codecs side by side at the same bytes: for one face as it comes, or for a folder with a cache.

    for result in compare.compare_face(face, 800, codecs):      # as each codec finishes
        print(result.name, result.bytes, result.metrics, result.note)

    report = compare.compare_folder(folder, rates=(400, 800, 1500), keys=("hsc", "vvc", "jpeg"), cache=path)

Every number belongs to a complete file: its bytes are counted as they would lie on disk, and the picture that
is judged is the one that those bytes alone decode to.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from hsc import baselines
from hsc.baselines import BaselineError, ImageCodec
from hsc.baselines.protocol import Ladder
from hsc.errors import HSCError, ImageError

SIDE = 1024
"""Side in pixels of every picture that is compared."""
RATES = (400, 800, 1500, 3000, 6000)
"""Bytes of a benchmark, unless told otherwise."""
YARDSTICK = "vvc"
"""The codec in whose bytes the others are expressed."""
YARDSTICK_RATES = (200, 400, 800, 1500, 3000, 6000, 12000, 24000)
"""Bytes at which the yardstick is measured as well, so that its curve spans the others'."""
_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
_CACHE_FORMAT = 1


# ------------------------------------------------------------------------------------------------ results


@dataclass(frozen=True)
class Result:
    """What one codec made of one picture at one rate.

    Attributes:
        codec: the codec's key; `name`: what to call it; `kind`: its family.
        picture: name of the picture.
        target: bytes asked for.
        bytes: size of the complete file, or None where there is none.
        metrics: by name, see `Judge`; empty where there is no file.
        encode_seconds, decode_seconds: wall time; encoding includes the search for the rate.
        reason: why there is no file, as one sentence, or None.
        final: False while the metrics are still being measured.
        restored: the decoded picture, `SIDE` x `SIDE`; only from `compare_face`.
        data: the file itself; not kept in JSON.
    """

    codec: str
    name: str
    kind: str
    picture: str
    target: int
    bytes: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    encode_seconds: float = 0.0
    decode_seconds: float = 0.0
    reason: str | None = None
    final: bool = True
    restored: Image.Image | None = field(default=None, compare=False, repr=False)
    data: bytes | None = field(default=None, compare=False, repr=False)

    @property
    def fits(self) -> bool:
        """Whether there is a file, of at most the bytes asked for."""
        return self.bytes is not None and self.bytes <= self.target

    @property
    def bpp(self) -> float | None:
        """Bits per pixel of the whole file."""
        return None if self.bytes is None else self.bytes * 8 / SIDE**2

    @property
    def note(self) -> str:
        """What a reader must know beside the numbers; often empty."""
        if self.reason is not None:
            return self.reason
        return "" if self.fits else too_large(self.bytes, self.target)


def too_large(size: int, target: int) -> str:
    """Say that a codec's smallest file is over the target."""
    shown = f"{size / 1000:.1f} kB" if size >= 1000 else f"{size} bytes"
    times = size / target
    more = f"{times:.0f} times" if times >= 2 else f"{100 * (times - 1):.0f}%"
    return f"cannot go this low: {shown}, {more} more"


class Judge(Protocol):
    """Measures restored pictures against one original.

    `version` names everything that changes a number: measurements are cached under it.
    """

    version: str

    def prepare(self, original: Image.Image) -> Any:
        """What all comparisons with this original share."""
        ...

    def measure(self, prepared: Any, restored: Image.Image) -> dict[str, float]:
        """Metrics of one restored picture, of the original's size."""
        ...

    def features(self, picture: Image.Image) -> np.ndarray:
        """(D,) float32 that the Frechet distance between sets is taken on; empty where there is none."""
        ...


# ------------------------------------------------------------------------------------------------ one face


def compare_face(
    image: Image.Image,
    max_bytes: int,
    codecs: Sequence[ImageCodec] | None = None,
    judge: Judge | None = None,
    workers: int = 2,
) -> Iterator[Result]:
    """Compare codecs on one aligned face, and give each result as soon as there is one.

    Every codec gives its picture and bytes when it has finished (`final` is False), and the same with metrics
    once they are measured (`final` is True). A codec that is not available or that fails gives one final
    result with a `reason`; the others go on. To stop early, close the generator: what has not begun is
    dropped.

    Args:
        image: aligned face, square; brought to `SIDE` x `SIDE` where it is another size.
        max_bytes: size of the file that every codec may use.
        codecs: by default `baselines.default_codecs()`.
        judge: by default LPIPS and the other metrics of `hsc.metrics`.
        workers: codecs at work at the same time.

    Raises:
        ImageError: the picture is not square.
        ValueError: `max_bytes` is not positive.
    """
    if max_bytes < 1:
        raise ValueError(f"max_bytes is at least 1, not {max_bytes}")
    original = as_compared(image)
    chosen = list(baselines.default_codecs() if codecs is None else codecs)
    return _stream(original, max_bytes, chosen, judge, workers)


def _stream(
    original: Image.Image, max_bytes: int, codecs: list[ImageCodec], judge: Judge | None, workers: int
) -> Iterator[Result]:
    coders = ThreadPoolExecutor(workers)
    judges = ThreadPoolExecutor(1)  # one at a time: the detector's state is not for two
    try:
        pending = {coders.submit(_code, codec, original, "", max_bytes) for codec in codecs}
        prepared = judges.submit(_prepare, judge, original)
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for result in sorted((future.result() for future in done), key=lambda result: result.final):
                yield result
                if not result.final:
                    pending.add(judges.submit(_judge_prepared, prepared, result))
    finally:
        for pool in (coders, judges):
            pool.shutdown(wait=False, cancel_futures=True)


def _prepare(judge: Judge | None, original: Image.Image) -> tuple[Judge, Any]:
    judge = judge or default_judge()
    return judge, judge.prepare(original)


def _judge_prepared(prepared: Future[tuple[Judge, Any]], result: Result) -> Result:
    """Runs after `prepared` in the same thread, so that its result is there, or its error."""
    try:
        return _judged(*prepared.result(), result)
    except Exception as error:
        said = str(error) if isinstance(error, HSCError) else f"{type(error).__name__}: {error}"
        return replace(result, final=True, reason=f"{result.name} was not measured: {said}")


def _code(
    codec: ImageCodec, original: Image.Image, picture: str, target: int, ladder: Ladder | None = None
) -> Result:
    """Encode and decode, not yet measured; whatever a codec raises becomes its reason."""
    result = Result(codec.key, codec.name, codec.kind, picture, target)
    try:
        reason = codec.available()
        if reason is not None:
            return replace(result, reason=reason)
        start = time.perf_counter()
        data = (ladder or codec.ladder(original)).fit(target)
        encoded = time.perf_counter()
        restored = codec.decode(data)
        decoded = time.perf_counter()
    except HSCError as error:
        return replace(result, reason=str(error))
    except Exception as error:  # a codec of a third party may raise anything; one row must not end the others
        return replace(result, reason=f"{codec.name} failed: {type(error).__name__}: {error}".split("\n")[0])
    if restored.size != original.size:
        reason = f"{codec.name} gave a picture of {restored.width}x{restored.height} pixels"
        return replace(result, reason=reason)
    return replace(
        result, bytes=len(data), data=data, restored=restored, final=False,
        encode_seconds=encoded - start, decode_seconds=decoded - encoded,
    )  # fmt: skip


def _judged(judge: Judge, prepared: Any, result: Result) -> Result:
    return replace(result, metrics=judge.measure(prepared, result.restored), final=True)


def as_compared(image: Image.Image) -> Image.Image:
    """RGB at `SIDE` x `SIDE`.

    Raises:
        ImageError: the picture is not square, or has no pixels.
    """
    if image.width != image.height:
        raise ImageError(
            f"A comparison needs a square, aligned face, not {image.width}x{image.height} pixels: align it."
        )
    try:
        rgb = baselines.to_rgb(image)
    except BaselineError as error:
        raise ImageError(f"The picture cannot be compared: {error}.") from error
    return rgb if rgb.width == SIDE else rgb.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def default_judge() -> Judge:
    """The metrics of `hsc.metrics`."""
    from hsc.judge import MetricsJudge

    return MetricsJudge.load()


# ------------------------------------------------------------------------------------------------ a folder


@dataclass
class Report:
    """Everything that a benchmark gives; `save` and `load` keep it as JSON.

    Attributes:
        about: date, versions, command, number of pictures, rates.
        codecs: key -> name, kind, description, reason it is missing (or None).
        results: of every codec, picture and rate.
        frechet: "codec/target" -> Frechet distance between restored and original pictures.
    """

    about: dict[str, Any]
    codecs: dict[str, dict[str, Any]]
    results: list[Result]
    frechet: dict[str, float] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write JSON: what it was made with, a summary for readers, and every single result."""
        results = [
            {
                key: value
                for key, value in asdict(replace(result, restored=None, data=None)).items()
                if key not in ("restored", "data", "name", "kind", "final")
            }
            for result in self.results
        ]
        document = {
            "about": self.about,
            "codecs": self.codecs,
            "summary": [asdict(row) for row in summarise(self)],
            "frechet": self.frechet,
            "results": results,
        }
        path.write_text(json.dumps(document, indent=1, sort_keys=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> Report:
        """Read what `save` wrote.

        Raises:
            ImageError: it is not such a file.
        """
        try:
            document = json.loads(path.read_text())
            codecs = document["codecs"]
            results = [
                Result(name=codecs[row["codec"]]["name"], kind=codecs[row["codec"]]["kind"], **row)
                for row in document["results"]
            ]
            return cls(document["about"], codecs, results, document["frechet"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ImageError(f"{path.name} is not the JSON file of a comparison.") from error


@dataclass(frozen=True)
class Example:
    """One picture of a benchmark, to be looked at: the original, and what each codec made of it."""

    picture: str
    target: int
    original: Image.Image
    restored: list[tuple[Result, Image.Image]]


@dataclass(frozen=True)
class Row:
    """Means over the pictures for one codec at one rate.

    Attributes:
        codec, name, kind: as in `Result`.
        target: bytes asked for.
        count: pictures measured; `failed`: pictures without a result.
        fitting: share of files within the target.
        bytes, bpp: mean size of the files.
        metrics: means of each metric over the pictures that have it.
        frechet: Frechet distance on VGG features over the set, or None.
        equivalent: see `yardstick_bytes`; over `bytes`. None for the yardstick itself or without its curve.
        equivalent_bound: "" where `equivalent` was interpolated, ">" or "<" where it is a bound.
        note: as in `Result`.
    """

    codec: str
    name: str
    kind: str
    target: int
    count: int
    failed: int
    fitting: float
    bytes: float | None
    bpp: float | None
    metrics: dict[str, float]
    frechet: float | None
    equivalent: float | None
    equivalent_bound: str
    note: str


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
        keys: codecs, see `baselines.get`; all available ones by default.
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
    keys = list(dict.fromkeys(keys)) if keys else [codec.key for codec in baselines.codecs()]
    known = load(keys)
    reasons = {codec.key: codec.available() for codec in known}
    described = {
        codec.key: {
            "name": codec.name,
            "kind": codec.kind,
            "reason": reasons[codec.key],
            "description": "" if reasons[codec.key] else codec.description(),
        }
        for codec in known
    }
    jobs = []
    for path in paths:
        for codec in known:
            if reasons[codec.key] is None:
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
    return Report(about, described, results, {key: _frechet(pairs) for key, pairs in features.items()})


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
        restored = [(result, by_key[result.codec].decode(result.data)) for result in chosen[picture]]
        found.append(Example(picture, target, _open(folder / picture), restored))
    return found


def load_codecs(keys: Sequence[str]) -> list[ImageCodec]:
    """One codec for each key.

    Raises:
        BaselineError: no such codec.
    """
    return [baselines.get(key) for key in keys]


def pictures_in(folder: Path) -> list[Path]:
    """The picture files directly in a folder, by name.

    Raises:
        ImageError: there are none, or there is no such folder.
    """
    if not folder.is_dir():
        raise ImageError(f"There is no folder {folder}.")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _PICTURES)
    if not paths:
        raise ImageError(f"There are no pictures in {folder}.")
    return paths


def versions() -> dict[str, str]:
    """Of what the numbers depend on, as far as it is installed."""
    found = {"python": platform.python_version()}
    for package in ("torch", "compressai", "pillow", "imageio-ffmpeg", "numpy"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True)
class _Job:
    """One picture through one codec at all rates: the searches for the rates help one another."""

    path: Path
    key: str
    targets: tuple[int, ...]
    cache: Path | None


_Measured = tuple[Result, np.ndarray, np.ndarray]


class _Worker:
    """Does jobs; keeps the codecs, the judge and what it prepared for the last picture."""

    def __init__(self, keys, load, load_judge) -> None:
        self._codecs = {codec.key: codec for codec in load(keys)}
        self._load_judge = load_judge
        self._judge: Judge | None = None
        self._picture: tuple[Path, Image.Image, str] | None = None
        self._prepared: tuple[Path, Any, np.ndarray] | None = None
        self._judged: dict[tuple[str, bytes], tuple[dict[str, float], np.ndarray]] = {}

    def __call__(self, job: _Job) -> tuple[_Job, list[_Measured]]:
        codec = self._codecs[job.key]
        if self._judge is None:
            self._judge = self._load_judge()
        try:
            original, digest = self._picture_of(job.path)
        except HSCError as error:
            empty = np.empty(0, np.float32)
            row = Result(codec.key, codec.name, codec.kind, job.path.name, 0, reason=str(error))
            return job, [(replace(row, target=target), empty, empty) for target in job.targets]
        ladder: Ladder | None = None
        rows = []
        for target in job.targets:
            identity = [_CACHE_FORMAT, digest, codec.key, codec.description(), target, self._judge.version]
            name = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
            path = job.cache / name[:2] / f"{name}.json" if job.cache else None
            found = _read_cache(path, codec, job.path.name)
            if found is None:
                if ladder is None:
                    try:
                        ladder = codec.ladder(original)
                    except HSCError:
                        ladder = None  # `_code` tries again, and keeps the reason
                found = self._measure(codec, original, job.path, target, ladder)
                _write_cache(path, found)
            rows.append(found)
        return job, rows

    def _picture_of(self, path: Path) -> tuple[Image.Image, str]:
        if self._picture is None or self._picture[0] != path:
            original = _open(path)
            self._picture = path, original, hashlib.sha256(original.tobytes()).hexdigest()
        return self._picture[1:]

    def _measure(self, codec, original, path, target, ladder) -> _Measured:
        result = _code(codec, original, path.name, target, ladder)
        empty = np.empty(0, np.float32)
        if result.reason is not None:
            return result, empty, empty
        if self._prepared is None or self._prepared[0] != path:
            self._prepared = path, self._judge.prepare(original), self._judge.features(original)
            self._judged = {}
        # A codec that cannot go lower gives one file for several rates.
        if (codec.key, result.data) not in self._judged:
            metrics = self._judge.measure(self._prepared[1], result.restored)
            self._judged[codec.key, result.data] = metrics, self._judge.features(result.restored)
        metrics, features = self._judged[codec.key, result.data]
        result = replace(result, metrics=metrics, final=True, restored=None)
        return result, self._prepared[2], features


def _open(path: Path) -> Image.Image:
    from hsc import images

    return as_compared(images.open_image(path))


_worker: _Worker | None = None  # of this process, where it is one of several


def _start_worker(keys, load, load_judge) -> None:
    global _worker
    try:
        import torch

        torch.set_num_threads(1)  # as many processes as cores: more threads only wait for each other
    except ImportError:
        pass
    _worker = _Worker(keys, load, load_judge)


def _do(job: _Job) -> tuple[_Job, list[_Measured]]:
    return _worker(job)


def _run(jobs, keys, load, load_judge, processes) -> Iterator[tuple[_Job, list[_Measured]]]:
    if processes <= 1 or len(jobs) <= 1:
        worker = _Worker(keys, load, load_judge)
        yield from map(worker, jobs)
        return
    import multiprocessing

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


def _read_cache(path: Path | None, codec: ImageCodec, picture: str) -> _Measured | None:
    """What was measured before; a damaged or unreadable entry counts as none."""
    if path is None:
        return None
    try:
        entry = json.loads(path.read_text())
        row = {
            **entry["result"],
            "picture": picture,
            "codec": codec.key,
            "name": codec.name,
            "kind": codec.kind,
        }
        original, restored = (
            np.frombuffer(base64.b64decode(entry[key]), np.float32) for key in ("original", "restored")
        )
        return Result(**row, data=base64.b64decode(entry["data"])), original, restored
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_cache(path: Path | None, measured: _Measured) -> None:
    """Keep a result; failures are not kept, since the next run may fare better."""
    result, original, restored = measured
    if path is None or result.reason is not None:
        return
    row = {key: value for key, value in asdict(result).items() if key not in ("restored", "data", "picture")}
    entry = {
        "result": row,
        "data": base64.b64encode(result.data).decode(),
        "original": base64.b64encode(original.astype(np.float32).tobytes()).decode(),
        "restored": base64.b64encode(restored.astype(np.float32).tobytes()).decode(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w") as file:
        json.dump(entry, file)
    os.replace(temporary, path)  # complete or not at all, also with two processes


# ------------------------------------------------------------------------------------------------ summaries


def summarise(report: Report, metric: str = "lpips_alex") -> list[Row]:
    """Means of every codec at every rate, with the yardstick's bytes for the same `metric`."""
    groups: dict[tuple[str, int], list[Result]] = {}
    for result in report.results:
        groups.setdefault((result.codec, result.target), []).append(result)
    curve = [
        (float(np.mean([r.bytes for r in done])), float(np.mean([r.metrics[metric] for r in done])))
        for (codec, _), group in groups.items()
        if codec == YARDSTICK and (done := [r for r in group if r.bytes is not None and metric in r.metrics])
    ]
    rows = []
    for (codec, target), group in sorted(groups.items(), key=lambda item: item[0][1]):
        done = [result for result in group if result.reason is None]
        size = float(np.mean([result.bytes for result in done])) if done else None
        means = _means(result.metrics for result in done)
        equivalent, bound = None, ""
        if done and codec != YARDSTICK and metric in means and len(curve) > 1:
            needed, bound = yardstick_bytes(curve, means[metric])
            equivalent = needed / size
        fitting = float(np.mean([result.fits for result in done])) if done else 0.0
        note = (
            ""
            if fitting == 1.0
            else group[0].note
            if not done
            else too_large(round(size), target)
            if (size > target)
            else f"{100 * fitting:.0f}% of the files are this small"
        )
        rows.append(
            Row(
                codec,
                group[0].name,
                group[0].kind,
                target,
                len(done),
                len(group) - len(done),
                fitting,
                size,
                None if size is None else size * 8 / SIDE**2,
                means,
                report.frechet.get(f"{codec}/{target}"),
                equivalent,
                bound,
                note,
            )
        )
    return rows


def yardstick_bytes(curve: Iterable[tuple[float, float]], quality: float) -> tuple[float, str]:
    """Bytes at which a curve reaches a quality, straight between its points in logarithmic bytes.

    Args:
        curve: (bytes, distance) points; more bytes, less distance.
        quality: the distance to reach, such as an LPIPS.

    Returns:
        Bytes and "" within the curve; its largest bytes and ">" for a better quality than any of its points
        has; its smallest bytes and "<" for a worse one.
    """
    # Where a larger file is no better than a smaller one, the smaller one serves.
    points: list[tuple[float, float]] = []
    for size, distance in sorted(curve):
        if not points or distance < points[-1][1]:
            points.append((size, distance))
    if quality > points[0][1]:
        return points[0][0], "<"
    if quality < points[-1][1]:
        return points[-1][0], ">"
    sizes, distances = zip(*points)
    return math.exp(float(np.interp(-quality, [-d for d in distances], np.log(sizes)))), ""


def _means(rows: Iterable[dict[str, float]]) -> dict[str, float]:
    """Mean of every metric over those that have it; what is not a number (no face found) is left out."""
    values: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            if value is not None and math.isfinite(value):
                values.setdefault(name, []).append(value)
    return {name: float(np.mean(column)) for name, column in values.items()}


def _frechet(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float | None:
    """Distance between the Gaussians of two sets of features; None for fewer than two pictures."""
    if len(pairs) < 2:
        return None
    from hsc.judge import frechet_distance

    originals, restored = (np.stack(column) for column in zip(*pairs))
    return frechet_distance(originals, restored)
