"""`python -m hsc bench`: how long encoding and decoding take here, beside eager PyTorch in the same run."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import click
import numpy as np

from hsc.architecture import DETAIL_LEVEL, SEMANTIC_CHANNELS, SEMANTIC_SIZE
from hsc.cli import common
from hsc.cli.files import Command

if TYPE_CHECKING:
    from hsc.codec import Codec

REPEATS = 5
DECODE, GRAPHS = "decode to 1024", "its graphs alone"
BUSY = (1, 3)
"""Processes that compute beside an encode under load."""
TOGETHER = (2, 4)
"""Encodes that run at once under load."""
_SPIN = "import os\nwhile os.getppid() == {}: pass"
"""Keeps a core busy for as long as the process that started it lives."""


def median_seconds(work: Callable[[], object]) -> float:
    """Median wall-clock time of a few runs after one that warms up."""
    work()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def run(codec: Codec) -> None:
    """Print a table: seconds, and the ratio to the generator's full pass in eager PyTorch."""
    import torch

    from hsc.generator import sample_codes

    with torch.no_grad():
        codes = sample_codes(codec.generator, 1, torch.Generator().manual_seed(0), mixing=0)
        face = codec.render(codec.semantics(codes))
        eager = median_seconds(lambda: codec.generator(codes))
    data, long = codec.encode(face, max_bytes=800), codec.encode(face, max_bytes=6000)
    semantics = codec.parse(data)
    features = codec.finest(semantics)
    offset = torch.zeros(codes.shape[1:])
    offset[4:8, 0] = 1.0
    tasks = {
        "encode to 800 bytes": lambda: codec.encode(face, max_bytes=800),
        "its first file": lambda: next(codec.improve(face, 800)),
        "first file of 400 bytes": lambda: next(codec.improve(face, 400)),
        "encode to 3000 bytes": lambda: codec.encode(face, max_bytes=3000),
        "parse": lambda: codec.parse(data),
        DECODE: lambda: codec.decode(data),
        GRAPHS: lambda: run_graphs(codec),
        "the last, from 64x64": lambda: codec.engine.image(features, codes.numpy()),
        f"decode to 1024, {len(long)} bytes": lambda: codec.decode(long),
        "edit, preview 256": lambda: codec.render_preview(codec.move(semantics, offset)),
        "edit, full 1024": lambda: codec.render(codec.move(semantics, offset)),
    }
    click.echo(f"{'task':<28} {'seconds':>8} {'of eager':>9}   ({torch.get_num_threads()} threads)")
    click.echo(f"{'generator, eager PyTorch':<28} {eager:>8.3f} {1:>9.2f}")
    taken = {}
    for name, work in tasks.items():
        seconds = taken[name] = median_seconds(work)
        click.echo(f"{name:<28} {seconds:>8.3f} {seconds / eager:>9.2f}")
    click.echo(f"{'a decode over its graphs':<28} {taken[DECODE] / taken[GRAPHS]:>18.2f}")


def run_graphs(codec: Codec) -> np.ndarray:
    """What OpenVINO computes in a decode of a file without detail, of coefficients that are 0: the picture's values."""
    engine = codec.engine
    codes = engine.codes(np.zeros((1, SEMANTIC_CHANNELS * SEMANTIC_SIZE**2), np.float32))
    features, start = None, 0
    for index, level in enumerate(codec.model.feature_levels):
        features = engine.features(codes, level.generator_level, features, start)
        engine.feature_change(index, np.zeros((1, level.latent, level.size, level.size), np.float32), features)
        start = level.generator_level
    return engine.image(engine.features(codes, DETAIL_LEVEL, features, start), codes)


def run_under_load(codec: Codec) -> None:
    """Print a second table: encodes beside other work, over the same in quiet."""

    def encode(_: int = 0) -> bytes:
        return codec.encode(face, max_bytes=800)

    def at_once(count: int) -> None:
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(encode, range(count)))

    face = codec.decode(b"")
    quiet = median_seconds(encode)
    click.echo(f"\n{'under load':<28} {'seconds':>8} {'of quiet':>9}")
    click.echo(f"{'encode to 800 bytes':<28} {quiet:>8.3f} {1:>9.2f}")
    for count in BUSY:
        with busy_processes(count):
            seconds = median_seconds(encode)
        name = f"beside {count} busy process{'es' if count > 1 else ''}"
        click.echo(f"{name:<28} {seconds:>8.3f} {seconds / quiet:>9.2f}")
    for count in TOGETHER:
        seconds = median_seconds(lambda count=count: at_once(count))
        click.echo(f"{f'{count} at once, over in a row':<28} {seconds:>8.3f} {seconds / count / quiet:>9.2f}")


@contextlib.contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Processes that compute without end, until the end."""
    command = [sys.executable, "-c", _SPIN.format(os.getpid())]
    processes = [subprocess.Popen(command, stdin=subprocess.DEVNULL) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@click.command(cls=Command)
@click.option(
    "--load", is_flag=True, help="Also beside one and three busy processes, and two and four encodes at once."
)
def bench(load: bool) -> None:
    """Time encoding and decoding, as ratios to eager PyTorch in the same run."""
    codec = common.load_codec()
    run(codec)
    if load:
        run_under_load(codec)
