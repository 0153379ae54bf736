"""``python -m tests.fuzz``: hostile files of every kind that is read, for some minutes; figures for docs/security.md.

Each file follows from the seed, its kind and its number, so that any finding can be made again. Kinds that have reached
their number leave their time to the others. Exit code 1 where anything crashed, took longer than two seconds of
processor time, more than 500 MB, or gave a picture that is not finite.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import platform
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np

from tests.fuzz import mutate

ASSETS = Path(__file__).resolve().parents[2] / "assets"
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SLOW, LARGE = 2.0, 500_000_000
DRAWN = 0.05
"""Share of the parsed files that are drawn as well, which takes three times as long as reading them."""


class Findings:
    """What was tried of one kind, and what came of it."""

    def __init__(self, kind: str) -> None:
        self.kind, self.tried, self.accepted = kind, 0, 0
        self.refused: Counter[str] = Counter()
        self.bad: list[str] = []
        self.slowest, self.peak, self.seconds = 0.0, 0, 0.0

    def line(self) -> dict[str, Any]:
        """One row of the figures."""
        return {
            "kind": self.kind, "tried": self.tried, "accepted": self.accepted, "refused": sum(self.refused.values()),
            "crashes_and_the_like": len(self.bad), "slowest_s": round(self.slowest, 3), "peak_MB": self.peak // 10**6,
            "seconds": round(self.seconds),
        }  # fmt: skip


def peak_memory() -> int:
    """Most bytes that this process had."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def forget_peak() -> None:
    """What :func:`peak_memory` counts from now on."""
    with contextlib.suppress(OSError):  # a kernel without it
        Path("/proc/self/clear_refs").write_text("5")


def loaded_codec() -> Any:
    """The codec with all its networks, of which most are only loaded by the first files, on one thread."""
    import torch

    import hsc

    torch.set_num_threads(1)
    codec = hsc.Codec.load()
    semantics = codec.parse((ASSETS / "examples" / "fair-hair.hsc").read_bytes())
    codec.render_preview(semantics)
    codec.render(semantics)
    codec.parse((GOLDEN / "detailed.hsc").read_bytes())
    return codec


def hsc_files() -> list[bytes]:
    """Sound files of all lengths."""
    paths = [*sorted((ASSETS / "examples").glob("*.hsc")), *sorted(GOLDEN.rglob("*.hsc"))]
    return [path.read_bytes() for path in paths]


def containers() -> Callable[[np.random.Generator], bool]:
    """The container and its first layer, without networks."""
    from hsc.bitstream import BitstreamReader
    from hsc.bitstream.range_coder import FrequencyTables

    rows = np.array([[0, 8192, 57344, 64512, 65536], [0, 64000, 65536, 0, 0]])
    tables = FrequencyTables(rows, np.array([5, 3]), np.array([-1, 0]))
    indexes, files = np.arange(40) % 2, hsc_files()

    def one(rng: np.random.Generator) -> bool:
        reader = BitstreamReader(mutate.container(files[int(rng.integers(len(files)))][:600], rng))
        while reader.read_layer(indexes, tables) is not None:
            pass
        return True

    return one


def parses() -> Callable[[np.random.Generator], bool]:
    """Whole files: symbols by the networks, and features; a third of symbols that no encoder writes, some are drawn."""
    from hsc.coding.layer_state import LayerState

    codec, files = loaded_codec(), hsc_files()

    def written(rng: np.random.Generator) -> bytes:
        """A file whose every checksum and check is right, and whose symbols are anything."""
        from hsc.bitstream import BitstreamWriter

        quality, reach = int(rng.integers(0, 256)), int(2 ** rng.integers(0, 16))
        model = int(rng.choice([9, 10]))
        networks, tables = codec.model, codec.tables
        state, writer = LayerState(networks, codec.engine, quality), BitstreamWriter(model, quality)

        def symbols(count: int) -> np.ndarray:
            values = rng.integers(-reach, reach + 1, count)
            return np.where(rng.random(count) < rng.random(), values, 0).astype(np.int32)

        layers = int(rng.integers(1, networks.layers + (networks.detail_layers if model == 10 else 0) + 1))
        for layer in range(layers):
            if layer == 0:
                drawn = symbols(768)
                writer.write_layer(drawn, state.semantic_tables, tables.semantic)
                state.take_semantics(drawn)
                continue
            if state.level_complete:
                state.next_level()
            indexes = state.predict()
            drawn = symbols(len(indexes))
            writer.write_layer(drawn, indexes, tables.gaussian)
            state.take(drawn)
        return writer.finish()

    def one(rng: np.random.Generator) -> bool:
        sound = files[int(rng.integers(len(files)))]
        data = written(rng) if rng.random() < 0.3 else mutate.container(sound, rng)
        begun = time.process_time()
        semantics = codec.parse(data)
        if rng.random() < DRAWN or not np.isfinite(semantics.codes).all():
            pixels = np.asarray(codec.render_preview(semantics))
            assert pixels.shape == (256, 256, 3)
        one.taken = time.process_time() - begun  # making the file is not the reader's time
        return True

    return one


def picture_files() -> dict[str, bytes]:
    """A small face in every format that Pillow writes here, and in several shapes of those that are read."""
    from PIL import Image

    Image.init()
    with Image.open(ASSETS / "examples" / "fair-hair.jpg") as image:
        face = image.convert("RGB").resize((96, 80))
    found: dict[str, bytes] = {}

    def put(name: str, kind: str, image: Image.Image = face, **options: Any) -> None:
        buffer = io.BytesIO()
        try:
            image.save(buffer, kind, **options)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ModuleNotFoundError):
            return
        found[name] = buffer.getvalue()

    for kind in sorted(Image.SAVE.keys() - {"HSC"}):  # ours, where it is registered, makes files of its own
        put(kind, kind)
        put(f"{kind} grey", kind, face.convert("L"))
        put(f"{kind} alpha", kind, face.convert("RGBA"))
        put(f"{kind} palette", kind, face.quantize(32))
        put(f"{kind} bits", kind, face.convert("1"))
    for packing in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits", "group4", "tiff_adobe_deflate"):
        put(f"TIFF {packing}", "TIFF", face.convert("1") if packing == "group4" else face, compression=packing)
    put("JPEG progressive", "JPEG", progressive=True)
    put("JPEG CMYK", "JPEG", face.convert("CMYK"))
    put("WEBP lossless", "WEBP", lossless=True)
    put("WEBP moving", "WEBP", save_all=True, append_images=[face.rotate(9), face.rotate(18)])
    put("GIF moving", "GIF", save_all=True, append_images=[face.rotate(9), face.rotate(18)])
    put("PNG moving", "PNG", save_all=True, append_images=[face.rotate(9), face.rotate(18)])
    put("TIFF float", "TIFF", face.convert("F"))
    put("TIFF integers", "TIFF", face.convert("I"))
    return found


def pictures() -> Callable[[np.random.Generator], bool]:
    """Pictures, by the processes that the app decodes them in."""
    from hsc.imaging.decoding import DecodingPool

    files, pool = list(picture_files().values()), DecodingPool()

    def one(rng: np.random.Generator) -> bool:
        data = mutate.picture(files[int(rng.integers(len(files)))], rng)
        begun, used = time.perf_counter(), _children()
        try:
            picture = pool.open_image(data)
            assert picture.mode == "RGB" and picture.width * picture.height <= 40_000_000
            return True
        finally:
            # The processor time of workers that ended, or the clock where that one is still there.
            one.taken = min(time.perf_counter() - begun, max(_worker(pool)[0], _children() - used))
            one.peak = _worker(pool)[1]

    last = {"pid": 0, "seconds": 0.0}

    def _worker(pool: DecodingPool) -> tuple[float, int]:
        worker = pool._free.queue[0]
        if worker is None:
            return float("inf"), 0
        try:
            ticks = Path(f"/proc/{worker.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
            lines = Path(f"/proc/{worker.pid}/status").read_text().splitlines()
        except OSError:
            return float("inf"), 0
        seconds = sum(int(tick) for tick in ticks) / 100
        before = last["seconds"] if last["pid"] == worker.pid else 0.0
        last.update(pid=worker.pid, seconds=seconds)
        peak = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)
        return seconds - before, peak

    def _children() -> float:
        import resource

        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    return one


def direction_files() -> Callable[[np.random.Generator], bool]:
    """Directions of others; those that are taken move a face by every strength that can be asked for."""
    import torch

    import directions
    from hsc.errors import HSCError

    codec = loaded_codec()
    face = codec.parse((ASSETS / "examples" / "fair-hair.hsc").read_bytes())

    def made(rng: np.random.Generator) -> bytes:
        shape = [(1, 512), (16, 512), (18, 512), (1, 18, 512), (1, 9216)][int(rng.integers(5))]
        values = rng.normal(0, 10.0 ** rng.integers(-3, 38), shape)
        if rng.random() < 0.2:
            values.flat[int(rng.integers(values.size))] = rng.choice([np.nan, np.inf, -np.inf, 3e38, 1e308, 1e-320])
        buffer = io.BytesIO()
        with np.errstate(over="ignore"):
            kind = rng.choice(["f2", "f4", "f8", ">f4"])
            if rng.random() < 0.6:
                np.save(buffer, values.astype(kind))
            else:
                torch.save(torch.from_numpy(values.astype("f4")), buffer)
        return buffer.getvalue()

    def one(rng: np.random.Generator) -> bool:
        data = made(rng)
        if rng.random() < 0.7:
            data = mutate.damaged(data, rng)
        scale = float(rng.choice([1.0, -2.0, 1e-3, 50.0, 1e30, 1e-30]))
        direction = directions.load_foreign(data, "theirs", scale=scale)
        for strength in (-8.0, 1.0, 7.99):
            try:
                codec.render_preview(codec.edit(face, {direction: strength}))
            except HSCError as error:
                assert "out of all range" in str(error), error
        return True

    return one


KINDS = {"containers": containers, "parses": parses, "pictures": pictures, "directions": direction_files}


def run(kind: str, most: int, seconds: float, seed: int, first: int) -> Findings:
    """Try files of one kind, from number ``first`` on, until there are enough or time is up."""
    from hsc.errors import HSCError

    findings, one = Findings(kind), KINDS[kind]()
    number_of_kind = list(KINDS).index(kind)
    forget_peak()
    begun, before = time.monotonic(), peak_memory()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in itertools.count(first):
            if findings.tried >= most or time.monotonic() - begun > seconds:
                break
            findings.tried += 1
            one.taken = one.peak = None
            start = time.process_time()
            try:
                findings.accepted += one(np.random.default_rng([seed, number_of_kind, number]))
            except HSCError as error:
                findings.refused[type(error).__name__] += 1
            except Exception as error:
                findings.bad.append(f"{kind} {number}: {type(error).__name__}: {error}")
            taken = one.taken if one.taken is not None else time.process_time() - start
            findings.slowest = max(findings.slowest, taken)
            # Of a worker all that it has, of this process what came to it since it had loaded what it needs.
            peak = one.peak if one.peak is not None else peak_memory() - before if number % 100 == 0 else 0
            findings.peak = max(findings.peak, peak)
            if taken > SLOW:
                findings.bad.append(f"{kind} {number}: took {taken:.1f} s")
            if peak > LARGE:
                findings.bad.append(f"{kind} {number}: took {peak / 1e6:.0f} MB")
    findings.seconds = time.monotonic() - begun
    return findings


def in_turn(minutes: float, counts: dict[str, int], seed: int, first: int) -> Iterator[Findings]:
    """All kinds; time that one does not need is the next ones'."""
    end = time.monotonic() + 60 * minutes
    for index, (kind, most) in enumerate(counts.items()):
        left = (end - time.monotonic()) / (len(counts) - index)
        yield run(kind, most, max(1.0, left), seed, first)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--minutes", default=2.0, help="Time for all kinds together.")
@click.option("--seed", default=0, help="Other files.")
@click.option("--first", default=0, help="Number of the first file, to go on where a run ended.")
@click.option("--containers", default=1_000_000)
@click.option("--parses", default=100_000)
@click.option("--pictures", default=20_000)
@click.option("--directions", default=5_000)
@click.option("--out", type=click.Path(path_type=Path), help="Append the figures here, as lines of JSON.")
def main(minutes: float, seed: int, first: int, out: Path | None, **counts: int) -> None:
    """Read hostile files of every kind."""
    bad = []
    machine = f"{platform.machine()}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}"
    for findings in in_turn(minutes, {kind: count for kind, count in counts.items() if count}, seed, first):
        line = {**findings.line(), "seed": seed, "first": first, "machine": machine}
        click.echo(json.dumps(line))
        if out is not None:
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        for finding in findings.bad[:20]:
            click.echo(f"  {finding}")
        bad += findings.bad
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
