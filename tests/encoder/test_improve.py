"""Files that get better while somebody looks at them, and encodes that share the processor."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from PIL import Image

from hsc.encoder import encoder
from hsc.encoder.detail import DetailEncoder
from hsc.encoder.objective import DistortionModel
from hsc.encoder.presets import DEFAULT, Candidates
from hsc.errors import HSCError
from hsc.generator import sample_codes

OFTEN = replace(DEFAULT, candidates=Candidates(steps=1, iterations=1), detail=replace(DEFAULT.detail, few_iterations=2))
"""Makes a file after each step, and has few."""


@pytest.fixture(scope="module")
def face(codec) -> Image.Image:
    """A synthetic face, a little turned, so that it is not one of the generator's."""
    codes = sample_codes(codec.generator, 1, torch.Generator().manual_seed(5), mixing=0)
    return codec.render(codec.semantics(codes)).rotate(3, Image.Resampling.BICUBIC, expand=False)


def distortion_of(codec, face, data: bytes, detailed: bool) -> float:
    """The encoder's own measure, of what a decoder makes of a file."""
    semantics, context = codec.parse(data), codec.encoder_context
    judge = DetailEncoder(context, face) if detailed else DistortionModel(context, face, DEFAULT.preview_distortion, 0)
    return judge.measure(semantics.features[-1], semantics.codes, semantics.detail)


@pytest.mark.parametrize(("size", "steps", "detailed"), [(60, 3, False), (400, 3, False), (1400, 1, True)])
def test_files_fit_and_get_better(size, steps, detailed, codec, face):
    files = list(codec.improve(face, size, steps, preset=OFTEN))
    assert len(files) > 1
    assert all(len(data) <= size and codec.parse(data).complete for data in files)
    measured = [distortion_of(codec, face, data, detailed) for data in files]
    assert measured == sorted(measured, reverse=True) and measured[0] > 1.02 * measured[-1]
    assert files[0] == codec.encode(face, size, refine=0)
    assert files[-1] == codec.encode(face, size, refine=steps, preset=OFTEN)


def test_the_best_is_kept_where_a_step_makes_it_worse(codec, face, monkeypatch):
    wrong = lambda *given: (replace(latents, semantics=-latents.semantics) for latents in 2 * [given[2]])  # noqa: E731
    monkeypatch.setattr(encoder, "refine", wrong)
    files = list(codec.improve(face, 400, 2, preset=OFTEN))
    assert files == [codec.encode(face, 400, refine=0)] == [codec.encode(face, 400, refine=2)]


def test_the_first_file_needs_no_step(codec, face, monkeypatch):
    """Nor any network that only steps use."""
    monkeypatch.setattr(encoder, "DistortionModel", None)
    assert len(next(codec.improve(face, 400))) <= 400


def test_stopping_stops_within_a_step(codec, face):
    done, stopped = [], threading.Event()

    def progress(count: int, total: int) -> None:
        done.append(count)
        if count == 2:
            threading.Thread(target=stopped.set).start()
            stopped.wait()

    assert len(list(codec.improve(face, 400, 6, progress, stop=stopped.is_set))) == 1
    assert done == [1, 2]
    files = codec.improve(face, 400, 6, lambda *report: done.append(report[0]), OFTEN)
    next(files)
    next(files)
    files.close()
    assert done[:2] == [1, 2] and len(done) <= 8
    with pytest.raises(KeyboardInterrupt):
        list(codec.improve(face, 400, 6, progress=interrupt))
    # Whoever comes next finds the processor free.
    assert codec.encode(face, 400, refine=0)


def interrupt(*_: int) -> None:
    raise KeyboardInterrupt


def test_too_few_bytes_are_refused(codec, face):
    with pytest.raises(HSCError, match="The smallest file has"):
        next(codec.improve(face, 3))


def test_encodes_of_one_process_take_turns(codec, face):
    """Step by step, and each gives what it gives alone."""
    order = []

    def encode(name: str) -> bytes:
        return codec.encode(face, 400, refine=3, progress=lambda done, _: order.append((name, done)))

    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(encode, "ab"))
    assert together[0] == together[1] == codec.encode(face, 400, refine=3)
    first = [name for name, _ in order[:4]]
    assert sorted(first) == ["a", "a", "b", "b"]


def test_turns_are_taken_in_order():
    turns, order = encoder.ENCODING.__class__(), []

    def take(number: int) -> None:
        with turns:
            order.append(number)

    with turns:
        threads = []
        for number in range(5):
            threads.append(threading.Thread(target=take, args=(number,)))
            threads[-1].start()
            while len(turns._waiting) <= number:
                time.sleep(0.001)
    for thread in threads:
        thread.join(10)
    assert order == list(range(5))
    assert list(turns.each(iter("abc"))) == ["a", "b", "c"]
    with turns:
        pass
