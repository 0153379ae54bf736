"""The command line of :mod:`directions`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import directions
from directions import library
from directions.attributes import ATTRIBUTES
from hsc.compare_cli import Rates
from hsc.errors import DirectionError, HSCError

if TYPE_CHECKING:
    from directions.samples import SampleStore

_SHARED = Path(__file__).resolve().parents[2] / "shared"
_folder = click.Path(path_type=Path, file_okay=False)
_existing = click.Path(path_type=Path, exists=True, file_okay=False)
_workers = click.option(
    "--workers", type=click.IntRange(1), default=os.cpu_count(), show_default="processor cores",
    help="Processes that share the work.",
)
_samples = click.option(
    "--samples", type=click.IntRange(1), default=20000, show_default=True, help="Latents that are rendered and scored."
)
_seed = click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
_measured_on = click.option(
    "--photos", type=_existing,
    help="Folder of aligned photos to measure on, coded and decoded; generated faces by default.",
)  # fmt: skip
_out = click.option(
    "--out", type=_folder, default=library.DATA, show_default=False,
    help="Folder to write to; the shipped directions by default.",
)  # fmt: skip
_cache = click.option("--cache", type=_folder, help="Folder of what is computed once; kept between runs.")


def _shared(option: str, path: str, what: str) -> Callable:
    """An option for a folder that by default is one of the development data."""
    text = f"{what}; ../shared/{path} by default."
    return click.option(option, type=_folder, default=_SHARED / path, show_default=False, help=text)


class _Group(click.Group):
    """Errors that a user can act on are one line on stderr, and exit code 2."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except HSCError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(2)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Editing directions: what there is, how they are learned, what they do to real photos.

    \b
    Examples:
      python -m directions list
      python -m directions sample
      python -m directions learn smile eyeglasses --photos PHOTOS
      python -m directions calibrate smile eyeglasses --photos PHOTOS
      python -m directions evaluate --out build/directions --limit 4
    """


@main.command("list")
@click.option("--verbose", "-v", is_flag=True, help="Add side effects at strength 1.")
def list_(verbose: bool) -> None:
    """List the shipped directions."""
    for name in directions.names():
        direction = directions.load(name)
        low, high = direction.range
        layers = f"{direction.layers[0]}-{direction.layers[-1]}"
        accuracy = direction.metadata["svm_accuracy"]
        click.echo(f"{direction.id:3}  {name:15} {low:+.1f} to {high:+.1f}  layers {layers:5}  SVM {accuracy:.1%}")
        if verbose:
            effects = direction.metadata["side_effects"].get("+1.0", {})
            click.echo("     " + ", ".join(f"{key} {value:+.2f}" for key, value in effects.items()))


@main.command()
@_samples
@_seed
@_cache
@_workers
def sample(samples: int, seed: int, cache: Path | None, workers: int) -> None:
    """Render and score random faces, once for all attributes.

    An interrupted run goes on where it stopped.
    """
    _fill(samples, seed, _cache_of(cache), workers)


@main.command()
@click.argument("names", nargs=-1, type=click.Choice(sorted(ATTRIBUTES)))
@click.option("--all", "everything", is_flag=True, help="Learn every attribute.")
@_samples
@_seed
@_measured_on
@_out
@_cache
@_workers
def learn(
    names: tuple[str, ...],
    everything: bool,
    samples: int,
    seed: int,
    photos: Path | None,
    out: Path,
    cache: Path | None,
    workers: int,
) -> None:
    """Learn directions and write NAME.npy and NAME.json.

    Renders and scores what samples there are not yet, see "sample".
    """
    from tqdm import tqdm

    from directions.learn import Material, learn_all

    chosen = tuple(ATTRIBUTES) if everything else names
    if not chosen:
        raise click.UsageError("Name at least one attribute, or say --all.")
    cache = _cache_of(cache)
    material = Material(_fill(samples, seed, cache, workers), samples, _files(photos), cache)
    with tqdm(learn_all(material, chosen, workers), total=len(chosen), unit="direction", smoothing=0) as bar:
        for direction, lines in bar:
            library.write(out, direction)
            bar.write(lines)


@main.command()
@click.argument("names", nargs=-1, required=True)
@_measured_on
@_seed
@_out
@_cache
@_workers
def calibrate(
    names: tuple[str, ...], photos: Path | None, seed: int, out: Path, cache: Path | None, workers: int
) -> None:
    """Set strength 1 of shipped directions anew, for the codec as it is now; needs no samples.

    A codec that holds on to more of a face in F yields less to the same movement of S. Edits that files store already
    grow or shrink by the same factor.
    """
    from tqdm import tqdm

    from directions.learn import Material, calibrate_all
    from directions.samples import SampleStore

    shipped = [directions.load(name) for name in names]
    cache = _cache_of(cache)
    material = Material(SampleStore(cache, directions.GENERATOR, seed), 0, _files(photos), cache)
    found = calibrate_all(material, shipped, workers)
    for direction in tqdm(found, total=len(names), unit="direction", smoothing=0):
        library.write(out, direction)
        done, at_one = direction.metadata["provenance"]["calibrated"][-1], direction.metadata["side_effects"]["+1.0"]
        tqdm.write(f"{direction.name}: {done['factor']:g} times as far, {done['progress']:.0%} of what strength 1 should"
                   f" do, range {direction.range}, at 1.0: {at_one}")


@main.command()
@_shared("--photos", "data/eval1024", "Folder of aligned photos")
@_shared("--references", "reference/directions", "Folder of directions to compare with")
@click.option("--compare/--no-compare", default=True, show_default=True, help="Measure the references too.")
@click.option(
    "--bytes", "max_bytes", type=click.IntRange(12), default=1000, show_default=True,
    help="Bytes that photos are coded with.",
)  # fmt: skip
@click.option(
    "--sizes", type=Rates(), default="800,2600,6000", show_default=True,
    help="Measure the directions that have a goal on files of these bytes as well, at strength 1 on previews.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(1), help="Only the first photos.")
@click.option("--only", multiple=True, metavar="NAME", help="Only these directions; may be repeated.")
@click.option("--publish", is_flag=True, help="Renew EVALUATION.md and what it shows in this package, too.")
@click.option("--out", type=_folder, required=True, help="Folder for the page and the contact sheets.")
@_cache
@_workers
def evaluate(
    photos: Path,
    references: Path,
    compare: bool,
    max_bytes: int,
    sizes: tuple[int, ...],
    limit: int | None,
    only: tuple[str, ...],
    publish: bool,
    out: Path,
    cache: Path | None,
    workers: int,
) -> None:
    """Measure every direction, and published ones beside it, on photos that are coded and decoded.

    An interrupted run goes on where it stopped. Contact sheets show the photos: keep them out of the repository.
    """
    from tqdm import tqdm

    from directions import page
    from directions.evaluate import GOALS, Photo, Plan, measure, summarise, summarise_size
    from directions.photos import image_files

    paths = image_files(photos)[:limit]
    names = tuple(directions.load(name).name for name in only or directions.names())
    strangers = [name for name in names if name not in ATTRIBUTES]
    if strangers:
        raise DirectionError(f"Nothing measures the direction '{strangers[0]}'.")
    if compare and not references.is_dir():
        raise DirectionError(f"There is no folder {references}; say --no-compare to do without.")

    def results_of(plan: Plan) -> list[Photo]:
        found = tqdm(measure(plan, paths, workers), f"{plan.max_bytes} bytes", len(paths), unit="photo", smoothing=0)
        return sorted(found, key=lambda photo: photo.name)

    plan = Plan(names, references if compare else None, max_bytes, _cache_of(cache), photos.name)
    results = results_of(plan)
    report = summarise(plan, results)
    measured = tuple(name for name in names if name in GOALS)
    brief = [Plan(measured, None, size, plan.folder, photos.name, brief=True) for size in sizes if measured]
    report["sizes"] = [summarise_size(each, results_of(each)) for each in brief]
    out.mkdir(parents=True, exist_ok=True)
    page.write_sheets(results, names, out)
    page.write(report, out)
    if publish:
        page.write(report, Path(__file__).parent)
    for target in report["targets"]:
        click.echo(page.in_words(target))


def _files(photos: Path | None) -> tuple[Path, ...]:
    from directions.photos import image_files

    return tuple(image_files(photos)) if photos else ()


def _cache_of(given: Path | None) -> Path:
    from hsc import weights

    return given or weights.cache_dir() / "directions"


def _fill(count: int, seed: int, cache: Path, workers: int) -> SampleStore:
    from tqdm import tqdm

    from directions.samples import BATCH, SampleStore, fill

    store = SampleStore(cache, directions.GENERATOR, seed)
    missing = len(store.missing(count)) * BATCH
    with tqdm(total=max(count, missing), initial=max(count - missing, 0), unit="face", smoothing=0) as bar:
        for _ in fill(store, count, workers):
            bar.update(BATCH)
    return store
