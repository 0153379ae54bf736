"""The command line of :mod:`directions`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import directions
from directions import library
from directions.attributes import ATTRIBUTES
from hsc import paths
from hsc.cli.compare import Rates
from hsc.cli.files import Group, InputFolder, OutputFolder, say
from hsc.errors import DirectionError, HSCError
from hsc.runtime import threads

if TYPE_CHECKING:
    from directions.edit_results import EditResults
    from directions.samples import SampleStore

_workers = click.option(
    "--workers",
    type=click.IntRange(1),
    default=os.cpu_count(),
    show_default="processor cores",
    help="Processes that share the work.",
)
_samples = click.option(
    "--samples", type=click.IntRange(1), default=20000, show_default=True, help="Latents that are rendered and scored."
)
_seed = click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
_measured_on = click.option(
    "--photos", type=InputFolder(),
    help="Folder of aligned photos to measure on, coded and decoded; generated faces by default.",
)  # fmt: skip
_out = click.option(
    "--out", type=OutputFolder(), default=library.DATA, show_default=False,
    help="Folder to write to; the shipped directions by default.",
)  # fmt: skip
_cache = click.option("--cache", type=OutputFolder(), help="Folder of what is computed once; kept between runs.")


def _shared(option: str, path: str, what: str) -> Callable:
    """An option for a folder that by default is one of the development data."""
    text = f"{what}; {path} of the development data by default."
    data = paths.development_data()
    return click.option(
        option, type=click.Path(path_type=Path), default=data and data / path, show_default=False, help=text
    )


class _Group(Group):
    """Errors that a user can act on are one line on stderr, and exit code 2."""

    def invoke(self, context: click.Context) -> Any:
        try:
            threads.configure()
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
        click.echo(f"{direction.id:3}  {name:15} {low:+.1f} to {high:+.1f}  layers {layers:5}  accuracy {accuracy:.1%}")
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
@click.option(
    "--keep-strength", is_flag=True,
    help="Leave the arrays; write where and how directions act, as directions/attributes.py says, and measure them.",
)  # fmt: skip
@_seed
@_out
@_cache
@_workers
def calibrate(
    names: tuple[str, ...],
    photos: Path | None,
    keep_strength: bool,
    seed: int,
    out: Path,
    cache: Path | None,
    workers: int,
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
    found = calibrate_all(material, shipped, workers, keep_strength)
    for direction in tqdm(found, total=len(names), unit="direction", smoothing=0):
        library.write(out, direction)
        if not keep_strength:
            done = direction.metadata["provenance"]["calibrated"][-1]
            words = f"{done['factor']:g} times as far, {done['progress']:.0%} of what strength 1 should do"
            tqdm.write(f"{direction.name}: {words}")
        at_one = direction.metadata["side_effects"]["+1.0"]
        tqdm.write(f"{direction.name}: range {direction.range}, at 1.0: {at_one}")


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
    help="Measure on files of these bytes, on previews.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(1), help="Only the first photos.")
@click.option("--only", multiple=True, metavar="NAME", help="Only these directions; may be repeated.")
@click.option(
    "--previews", is_flag=True,
    help="Only what needs no whole picture: what edits change where, and published directions beside.",
)  # fmt: skip
@click.option(
    "--seen", type=InputFolder(),
    help="Folder of aligned photos that the directions were calibrated on, to be reported apart.",
)  # fmt: skip
@click.option(
    "--before", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="report.json of an earlier evaluation, to stand beside this one.",
)  # fmt: skip
@click.option(
    "--publish", is_flag=True,
    help="Renew EVALUATION.md and what it shows in this package, and the side effects in the directions' files, too.",
)  # fmt: skip
@click.option("--out", type=OutputFolder(), required=True, help="Folder for the page and the contact sheets.")
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
    previews: bool,
    seen: Path | None,
    before: Path | None,
    publish: bool,
    out: Path,
    cache: Path | None,
    workers: int,
) -> None:
    """Measure every direction, and published ones beside it, on photos that are coded and decoded.

    What edits change, where, and how much of the person stays, is measured at five strengths, of all directions at the
    first of the sizes, and of those that have a goal at the others; scores on whole pictures at four strengths.

    An interrupted run goes on where it stopped. Contact sheets show the photos: keep them out of the repository.
    """
    from tqdm import tqdm

    from directions import edit_report, page
    from directions.evaluate import GOALS, Photo, Plan, measure, summarise, summarise_beside, summarise_size
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

    out.mkdir(parents=True, exist_ok=True)
    sections = _edit_sections(
        photos, seen, names, sizes, _earlier(before), limit, publish, out, _cache_of(cache), workers
    )
    plan = Plan(names, references if compare else None, max_bytes, _cache_of(cache), photos.name, beside=previews)
    if previews:
        report = summarise_beside(plan, results_of(plan)) if any(map(plan.rivals, names)) else {}
    else:
        results = results_of(plan)
        report = summarise(plan, results)
        measured = tuple(name for name in names if name in GOALS)
        brief = [Plan(measured, None, size, plan.folder, photos.name, brief=True) for size in sizes if measured]
        report["sizes"] = [summarise_size(each, results_of(each)) for each in brief]
        page.write_sheets(results, names, out)
    report["edits"] = sections
    page.write(report, out)
    if publish:
        page.write(report, Path(__file__).parent)
    for section in sections:
        say(f"{section['title']}:")
        for goal in section["goals"]:
            say(f"  {edit_report.in_words(goal)}")
    for target in report.get("targets", ()):
        say(page.in_words(target))


def _edit_sections(
    photos: Path,
    seen: Path | None,
    names: tuple[str, ...],
    sizes: tuple[int, ...],
    past: dict[str, dict],
    limit: int | None,
    publish: bool,
    out: Path,
    cache: Path,
    workers: int,
) -> list[dict]:
    """What edits do: to photos in files of every size, and to those that calibration saw in files of the first."""
    from directions import edit_report, page
    from directions.evaluate import GOALS
    from directions.photos import image_files

    sections = []
    for folder, size in [(photos, size) for size in sizes] + [(seen, size) for size in sizes[:1] if seen]:
        title = f"{'Photos that calibration saw' if folder == seen else 'Held-out photos'}, {size:,} bytes"
        chosen = names if size == sizes[0] else tuple(name for name in names if name in GOALS)
        if not chosen:
            continue
        found = _edited(image_files(folder)[:limit], chosen, size, cache, workers)
        if (folder, size) == (photos, sizes[0]):
            page.write_edit_sheets(found, names, out)
            if publish:
                _publish_side_effects(found, names, f"{photos.name}, decoded from {size} bytes")
        sections.append({"title": title, "before": past.get(title), **edit_report.summarise(found)})
    return sections


def _edited(photos: list[Path], names: tuple[str, ...], size: int, cache: Path, workers: int) -> EditResults:
    """What edits do to photos in files of one size."""
    from tqdm import tqdm

    from directions.edit_results import EditResults
    from directions.edit_trials import Trials, all_edits, measure

    trials = Trials(all_edits(names), size, cache)
    found = tqdm(measure(trials, photos, workers), f"{size} bytes", len(photos), unit="photo", smoothing=0)
    return EditResults(trials.edits, sorted(found, key=lambda photo: photo.name))


def _publish_side_effects(results: EditResults, names: tuple[str, ...], photos: str) -> None:
    """Into the files of the shipped directions."""
    from directions.edit_report import side_effects

    words = (
        f"previews of {len(results.photos)} photos of {photos}; mean change at each strength in each score's own unit"
    )
    for name in names:
        direction = directions.load(name)
        told = {"side_effects": side_effects(results, name), "measured_on": words}
        library.write(library.DATA, replace(direction, metadata={**direction.metadata, **told}))


def _earlier(report: Path | None) -> dict[str, dict]:
    """What an earlier report says of edits, by the title of its section.

    Raises:
        DirectionError: it is no report.
    """
    if report is None:
        return {}
    try:
        told = json.loads(report.read_text(encoding="utf-8"))
        return {one["title"]: {"goals": one["goals"]} for one in told["edits"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DirectionError(f"{report.name} is not the report.json of an evaluation of edits.") from error


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


def run() -> None:
    """Entry point: errors that a user can act on are one line on stderr, and exit code 2."""
    from hsc.cli.main import run_group

    run_group(main)
