"""Codecs side by side on one face, as they come."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

from PIL import Image

from hsc import baselines
from hsc.baselines import ImageCodec
from hsc.compare.result import Judge, Result, as_compared, default_judge, run_codec, unmeasured


def compare_face(
    image: Image.Image,
    max_bytes: int,
    codecs: Sequence[ImageCodec] | None = None,
    judge: Judge | None = None,
    workers: int = 2,
    begin: Callable[[], object] | None = None,
) -> Iterator[Result]:
    """Compare codecs on one aligned face, and give each result as soon as there is one.

    Every codec gives its picture and bytes when it has finished (`final` is False), and the same with metrics
    once they are measured (`final` is True). A codec that is not available or that fails gives one final
    result with a `reason`; the others go on. To stop early, close the generator: what has not begun is
    dropped.

    Args:
        image: aligned face, square; brought to `SIDE` x `SIDE` where it is another size.
        max_bytes: size of the file that every codec may use.
        codecs: by default all that are done with one face within seconds; they stay loaded.
        judge: by default LPIPS and the other metrics of `hsc.metrics`.
        workers: codecs at work at the same time.
        begin: called first by each thread that works, such as :func:`hsc.runtime.threads.step_back`.

    Raises:
        ImageError: the picture is not square.
        ValueError: `max_bytes` is not positive.
    """
    if max_bytes < 1:
        raise ValueError(f"max_bytes is at least 1, not {max_bytes}")
    original = as_compared(image)
    chosen = list(_default_codecs() if codecs is None else codecs)
    return _stream(original, max_bytes, chosen, judge, workers, begin)


@functools.lru_cache(maxsize=1)
def _default_codecs() -> tuple[ImageCodec, ...]:
    """Whether they are available is asked when they are run, so that each that is not has a row that says why."""
    return tuple(codec for codec in baselines.codecs() if codec.key != "vvc-scaled" and not codec.slow)


def _stream(
    original: Image.Image,
    max_bytes: int,
    codecs: list[ImageCodec],
    judge: Judge | None,
    workers: int,
    begin: Callable[[], object] | None,
) -> Iterator[Result]:
    coders = ThreadPoolExecutor(workers, initializer=begin)
    judges = ThreadPoolExecutor(1, initializer=begin)  # one at a time: the detector's state is not for two
    try:
        pending = {coders.submit(run_codec, codec, original, "", max_bytes) for codec in codecs}
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
        judge, known = prepared.result()
        assert result.restored is not None  # only what was decoded is judged
        return replace(result, metrics=judge.measure(known, result.restored), final=True)
    except Exception as error:
        return replace(result, final=True, reason=unmeasured(result, error))
