"""``python -m hsc``: compress, restore, inspect and train from the command line."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click
from PIL import Image

from hsc.compare_cli import Rates, compare_command
from hsc.device import Device
from hsc.errors import BitstreamError, HSCError

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
OUTPUT = click.Path(dir_okay=False, path_type=Path)
REFINE = 8
"""`hsc.codec.REFINE`, without the seconds that importing it takes."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=None, version=__import__("hsc").__version__, prog_name="hsc")
def main() -> None:
    """Hierarchical Semantic Compression of face photos."""


main.add_command(compare_command)


def _codec():
    """The codec; its first load fetches weights and says so on stderr."""
    import hsc

    return hsc.Codec.load()


def _read(path: Path) -> bytes:
    data = path.read_bytes()
    if not data:
        raise BitstreamError(f"{path.name} is empty.")
    return data


def _aligned(photo: Path, face: int | None, no_align: bool) -> Image.Image:
    from hsc import alignment, images

    picture = images.open_image(photo)
    if no_align:
        if picture.width != picture.height:
            raise HSCError(f"{photo.name} is {picture.width}x{picture.height}; an aligned face is square.")
        return picture
    crop, found = alignment.align(picture, face)
    for note in found.notes:
        click.echo(note, err=True)
    return crop


@main.command()
@click.argument("photo", type=FILE)
@click.argument("out", type=OUTPUT)
@click.option("--bytes", "max_bytes", type=click.IntRange(1, 65535), help="Largest size of the file. [800]")
@click.option("--quality", type=click.IntRange(0, 255), help="Quality instead of a size.")
@click.option("--face", type=click.IntRange(0), help="Which face, 0 for the largest.")
@click.option("--no-align", is_flag=True, help="PHOTO is an FFHQ-aligned square already.")
@click.option("--refine", type=click.IntRange(0, 1000), default=REFINE, show_default=True,
              help="Steps that improve the latents: half of them learned, at most four, then gradient descent. "
                   "0 leaves out detail, too.")
def encode(photo: Path, out: Path, max_bytes: int | None, quality: int | None, face: int | None,
           no_align: bool, refine: int) -> None:
    """Compress the face in PHOTO to the file OUT.

    Example: python -m hsc encode me.jpg me.hsc --bytes 800
    """
    from tqdm import tqdm

    from hsc import metrics

    if max_bytes is not None and quality is not None:
        raise click.UsageError("Give --bytes or --quality, not both.")
    if max_bytes is None and quality is None:
        max_bytes = 800
    crop = _aligned(photo, face, no_align)
    with tqdm(total=refine, unit="step", disable=refine < 10) as bar:

        def report(done: int, total: int) -> None:
            bar.total = total  # with the looks for detail of a longer file
            bar.update()

        data = _codec().encode(crop, max_bytes, quality, refine, report)
    _write(out, data)
    click.echo(f"{out}: {len(data)} bytes, {metrics.bpp(len(data)):.5f} bpp")


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise HSCError(f"{path} cannot be written: {error.strerror}.") from error


@main.command()
@click.argument("file", type=FILE)
@click.argument("out", type=OUTPUT)
@click.option("--prefix", type=click.IntRange(0), help="Decode the first BYTES of the file only.")
@click.option("--size", type=click.Choice(["1024", "512", "256"]), default="1024", show_default=True)
@click.option("--into", type=FILE, help="Paste the face back into this photo.")
@click.option("--face", type=click.IntRange(0), help="Which face of --into, 0 for the largest.")
@click.option("--edit", "edits", multiple=True, metavar="NAME=VALUE", help="Apply a direction; may be repeated.")
@click.option("--no-edits", is_flag=True, help="Leave out the edits that are stored in the file.")
@click.option("--direction", type=FILE, help="Apply a StyleGAN2-FFHQ direction of somebody else's, .npy or .pt.")
@click.option("--layers", metavar="A-B", default="0-15", show_default=True, help="Layers that --direction moves.")
@click.option("--scale", type=float, default=1.0, show_default=True, help="How far along --direction.")
def decode(file: Path, out: Path, prefix: int | None, size: str, into: Path | None, face: int | None,
           edits: tuple[str, ...], no_edits: bool, direction: Path | None, layers: str, scale: float) -> None:
    """Restore the face in FILE as the picture OUT.

    \b
    Examples:
      python -m hsc decode me.hsc me.png --edit smile=0.8
      python -m hsc decode me.hsc me.png --direction age.npy --layers 2-7 --scale 4
    """
    from hsc import alignment, bitstream, images

    foreign = _foreign(direction, layers, scale) if direction else {}
    data = _read(file)
    if prefix is not None:
        data = bitstream.truncate(data, prefix)
    codec = _codec()
    semantics = codec.parse(data)
    strengths = {} if no_edits else codec.stored_edits(semantics)
    strengths.update(_strengths(edits))
    note = "Restored by HSC from a compressed file."
    if foreign or any(strengths.values()):
        semantics = codec.edit(semantics, {**strengths, **foreign})
        told = [f"{name}={value:g}" for name, value in strengths.items()]
        told += [f"{foreign_one.name} of layers {layers} times {scale:g}" for foreign_one in foreign]
        note = f"Synthetic: restored and edited by HSC ({', '.join(told)})."
    picture = codec.render(semantics, int(size))
    if into is not None:
        photo = images.open_image(into)
        _, found = alignment.align(photo, face)
        picture = alignment.paste_back(photo, picture, found)
    images.save(picture, out, note)


def _foreign(path: Path, layers: str, scale: float) -> dict:
    """Somebody else's direction, with strength 1."""
    import directions

    first, dash, last = layers.partition("-")
    try:
        span = range(int(first), int(last if dash else first) + 1)
    except ValueError:
        raise click.UsageError(f"{layers!r} is not A-B, such as 2-7.") from None
    return {directions.load_foreign(path, directions.name_of(path), span, scale=scale): 1.0}


def _strengths(edits: tuple[str, ...]) -> dict[str, float]:
    """``NAME=VALUE`` words to strengths by name."""
    found = {}
    for edit in edits:
        name, _, value = edit.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise click.UsageError(f"{edit!r} is not NAME=VALUE, such as smile=0.8.") from None
    return found


@main.command()
@click.argument("file", type=FILE)
@click.argument("out", type=OUTPUT)
@click.argument("edits", nargs=-1, metavar="NAME=VALUE...")
def edit(file: Path, out: Path, edits: tuple[str, ...]) -> None:
    """Store edits in a copy of FILE, in place of those it has; without any, remove them.

    The copy is the original file plus 2 bytes and 3 for each edit.

    Example: python -m hsc edit me.hsc smiling.hsc smile=0.8 makeup=-0.3
    """
    import directions
    from hsc import bitstream

    data = _read(file)
    _codec().parse(data)
    stored = directions.to_ids(_strengths(edits))
    data = bitstream.append_edits(data, stored) if stored else bitstream.strip_edits(data)
    _write(out, data)
    click.echo(f"{out}: {len(data)} bytes")


@main.command()
@click.argument("file", type=FILE)
@click.argument("out", type=OUTPUT)
@click.argument("move", metavar="NAME=FROM:TO")
@click.option("--frames", type=click.IntRange(2, 600), default=48, show_default=True)
@click.option("--size", type=click.Choice(["1024", "512", "256"]), default="512", show_default=True)
def morph(file: Path, out: Path, move: str, frames: int, size: str) -> None:
    """Slide one edit over FILE, there and back, as the film OUT (.mp4 or .gif); other stored edits stay.

    Example: python -m hsc morph me.hsc me.mp4 smile=-1:1
    """
    from tqdm import tqdm

    from hsc import film

    name, _, span = move.partition("=")
    first, _, last = span.partition(":")
    try:
        ends = float(first), float(last)
    except ValueError:
        raise click.UsageError(f"{move!r} is not NAME=FROM:TO, such as smile=-1:1.") from None
    codec = _codec()
    semantics = codec.parse(_read(file))
    with tqdm(total=frames, unit="frame") as bar:
        film.write(codec, semantics, name, ends, out, frames, int(size), codec.stored_edits(semantics),
                   lambda done, _: bar.update())
    click.echo(f"{out}: {frames} frames, {out.stat().st_size} bytes")


@main.command()
@click.argument("file", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def info(file: Path, as_json: bool) -> None:
    """Say what FILE holds and what each layer costs."""
    from hsc import metrics
    from hsc.bitstream import HEADER_BYTES

    data = _read(file)
    semantics = _codec().parse(data)
    facts = {
        "bytes": len(data),
        "bpp": metrics.bpp(len(data)),
        "quality": semantics.quality,
        "complete": semantics.complete,
        "layers": [asdict(layer) for layer in semantics.layers],
        "total_layers": semantics.total_layers,
        "edits": [list(edit) for edit in semantics.edits],
    }
    if as_json:
        click.echo(json.dumps(facts))
        return
    state = "complete" if semantics.complete else "a prefix"
    click.echo(f"{file}: {len(data)} bytes, {facts['bpp']:.5f} bpp, quality {semantics.quality}, {state}")
    click.echo(f"{len(semantics.layers)} of {semantics.total_layers} layers:")
    for index, layer in enumerate(semantics.layers):
        own = layer.bytes if index else layer.bytes - HEADER_BYTES
        click.echo(f"  {layer.name:<3} {own:>5} bytes, complete at {layer.end}")
    for direction, strength in semantics.edits:
        click.echo(f"  edit: {_direction_name(direction)}, strength {strength:+.2f}")


def _direction_name(number: int) -> str:
    """What a direction is called that a file names by number; a newer file may name one that is not here."""
    import directions
    from hsc.errors import DirectionError

    try:
        return directions.by_id(number).name
    except DirectionError:
        return f"direction {number}, not known here"


@main.command()
@click.argument("photo", type=FILE)
@click.argument("out", type=OUTPUT)
@click.option("--face", type=click.IntRange(0), help="Which face, 0 for the largest.")
def align(photo: Path, out: Path, face: int | None) -> None:
    """Cut the face out of PHOTO as an FFHQ-aligned 1024x1024 picture."""
    from hsc import images

    images.save(_aligned(photo, face, False), out, "Aligned by HSC.")


@main.command("eval")
@click.argument("folder", type=FOLDER)
@click.option("--bytes", "targets", type=Rates(), default="400,800,1500,3000", show_default=True)
@click.option("--json", "json_file", type=OUTPUT, help="Also write all figures to this file.")
@click.option("--limit", type=click.IntRange(1), help="Only the first so many pictures.")
@click.option("--prefixes", is_flag=True, help="Also LPIPS of every prefix of the largest files, layer by layer.")
@click.option("--refine", type=click.IntRange(0, 1000), default=REFINE, show_default=True, help="As in encode.")
def evaluate_command(folder: Path, targets: tuple[int, ...], json_file: Path | None, limit: int | None,
                     refine: int, prefixes: bool) -> None:
    """Code the aligned faces in FOLDER at several rates and print mean metrics."""
    from tqdm import tqdm

    from hsc import compare, evaluate

    pictures = len(compare.pictures_in(folder)[:limit])
    codec = _codec()
    with tqdm(total=pictures, unit="picture") as bar:
        report = evaluate.evaluate(codec, folder, targets, refine, limit, progress=lambda *done: bar.update())
    for picture, reason in evaluate.failures(report).items():
        click.echo(f"{picture} is left out: {reason}", err=True)
    rows, curve = evaluate.means(report), []
    names = ["bytes", "bpp", "lpips_alex", "lpips_vgg_256", "psnr", "ms_ssim", "identity", "face_distance",
             "landmarks"]
    click.echo("target  " + "  ".join(f"{name:>13}" for name in names))
    for row in rows:
        cells = ("-" if row[name] is None else f"{row[name]:.1f}" if name == "bytes" else f"{row[name]:.4f}"
                 for name in names)
        click.echo(f"{row['target']:>6}  " + "  ".join(f"{cell:>13}" for cell in cells))
    if prefixes:
        paths = evaluate.coded(report, folder)
        found = evaluate.prefixes(codec, paths, max(targets), refine)
        curve = evaluate.mean_curve(list(tqdm(found, total=len(paths), unit="file")))
        click.echo(f"prefixes of {max(targets)} bytes\n   layer         bytes    lpips_alex")
        for row in curve:
            click.echo(f"{row['layer']:>8}  {row['bytes']:>12.1f}  {row['lpips_alex']:>12.4f}")
    if json_file:
        found = {"means": rows, "prefixes": curve, "files": evaluate.files(report)}
        _write(json_file, json.dumps(found, indent=1).encode())


@main.command()
@click.argument("photos", type=FILE, nargs=-1, required=True)
@click.argument("out", type=OUTPUT)
@click.option("--bytes", "targets", type=Rates(), default="300,800,1500,3000", show_default=True)
@click.option("--refine", type=click.IntRange(0, 1000), default=REFINE, show_default=True, help="As in encode.")
@click.option("--no-align", is_flag=True, help="PHOTOS are FFHQ-aligned squares already.")
def sheet(photos: tuple[Path, ...], out: Path, targets: tuple[int, ...], refine: int, no_align: bool) -> None:
    """Show PHOTOS and what comes back at several rates, side by side in one picture OUT."""
    from tqdm import tqdm

    from hsc import images
    from hsc.sheet import contact_sheet

    faces = [_aligned(photo, None, no_align) for photo in photos]
    with tqdm(total=len(faces) * len(targets), unit="file") as bar:
        picture = contact_sheet(_codec(), faces, targets, refine=refine, progress=bar.update)
    images.save(picture, out, "Restored by HSC from compressed files.")


@main.command()
@click.argument("stage", type=click.Choice(["preview", "inversion", "semantics", "codec", "entropy", "detail"]))
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), required=True, help="Time to run.")
@click.option("--from", "checkpoint", type=click.Path(exists=True, path_type=Path),
              help="Checkpoint, or folder of exported weights, to continue from.")
@click.option("--data", multiple=True, type=FILE, help="Tar shards of aligned faces; may be repeated.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to.")
@click.option("--batch", type=click.IntRange(1), default=4, show_default=True)
@click.option("--levels", default=2, show_default=True, type=click.IntRange(1, 2),
              help="Levels of F: 16x16, 32x32.")
@click.option("--synthetic", type=click.IntRange(0, 64), default=4, show_default=True, help="Generated faces a step.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=8e-4, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--device", type=Device(), default="cpu", show_default=True)
def train(stage: str, minutes: float, checkpoint: Path | None, data: tuple[Path, ...], out: Path, batch: int,
          synthetic: int, levels: int, learning_rate: float, seed: int, device: str) -> None:
    """Run one training STAGE for a given time; prints held-out metrics last.

    Example: python -m hsc train codec --minutes 10 --from runs/semantics.safetensors --data a.tar --out runs
    """
    from hsc.train import program

    out.mkdir(parents=True, exist_ok=True)
    settings = program.Settings(minutes=minutes, batch=batch, synthetic=synthetic, learning_rate=learning_rate,
                                seed=seed, levels=levels)
    program.run(stage, settings, list(data), out, checkpoint, device)


@main.command()
@click.argument("checkpoint", type=FILE)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--model-id", type=click.IntRange(0, 65535), help="Model that the weights are. [the present one]")
def export(checkpoint: Path, folder: Path, model_id: int | None) -> None:
    """Turn a training CHECKPOINT into the weights that the codec loads; one of detail into those of detail alone."""
    from hsc.train.export import export as write

    for path in write(checkpoint, folder, model_id):
        click.echo(f"{path}: {path.stat().st_size} bytes")


@main.command()
def bench() -> None:
    """Time encoding and decoding, as ratios to eager PyTorch in the same run."""
    from hsc import benchmark

    benchmark.run(_codec())


def run() -> None:
    """Entry point: one sentence and exit code 2 for everything that a user can put right."""
    from hsc.allocator import keep_memory

    keep_memory()
    try:
        main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        sys.exit(130)
    except HSCError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except OSError as error:  # a file or folder that cannot be made, read or written
        where = f"{error.filename} cannot be used: " if error.filename else ""
        click.echo(f"Error: {where}{error.strerror or error}.", err=True)
        sys.exit(2)
