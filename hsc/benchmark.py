"""How long encoding and decoding take here, beside eager PyTorch in the same run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import click
import torch

from hsc.codec import Codec

REPEATS = 5


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
    from hsc.generator import sample_codes

    with torch.no_grad():
        codes = sample_codes(codec.generator, 1, torch.Generator().manual_seed(0), mixing=0)
        face = codec.render(codec.semantics(codes))
        eager = median_seconds(lambda: codec.generator(codes))
    data, long = codec.encode(face, max_bytes=800), codec.encode(face, max_bytes=6000)
    semantics = codec.parse(data)
    offset = torch.zeros(codes.shape[1:])
    offset[4:8, 0] = 1.0
    tasks = {
        "encode to 800 bytes": lambda: codec.encode(face, max_bytes=800),
        "the same without refinement": lambda: codec.encode(face, max_bytes=800, refine=0),
        "encode to 3000 bytes": lambda: codec.encode(face, max_bytes=3000),
        "parse": lambda: codec.parse(data),
        "decode to 1024": lambda: codec.decode(data),
        f"decode to 1024, {len(long)} bytes": lambda: codec.decode(long),
        "edit, preview 256": lambda: codec.render_preview(codec.move(semantics, offset)),
        "edit, full 1024": lambda: codec.render(codec.move(semantics, offset)),
    }
    click.echo(f"{'task':<28} {'seconds':>8} {'of eager':>9}   ({torch.get_num_threads()} threads)")
    click.echo(f"{'generator, eager PyTorch':<28} {eager:>8.3f} {1:>9.2f}")
    for name, work in tasks.items():
        seconds = median_seconds(work)
        click.echo(f"{name:<28} {seconds:>8.3f} {seconds / eager:>9.2f}")
