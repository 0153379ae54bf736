"""`python -m hsc compare`: a benchmark of a folder of aligned faces, as JSON and as one HTML page."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hsc.cli.files import Command, Input, InputFile, InputFolder, Output, OutputFile, OutputFolder, say
from hsc.runtime.names import shown


class Rates(click.ParamType):
    """Bytes, separated by commas."""

    name = "N,N,..."

    def convert(self, value, param, ctx):
        if not isinstance(value, str):
            return value
        try:
            rates = tuple(sorted({int(part) for part in value.split(",")}))
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers such as 400,800,1500", param, ctx)
        if rates[0] < 1:
            self.fail("a file has at least 1 byte", param, ctx)
        return rates


@click.command("compare", cls=Command)
@click.argument("folder", type=InputFolder())
@click.option(
    "--bytes",
    "rates",
    type=Rates(),
    default="400,800,1500,3000,6000",
    show_default=True,
    help="Sizes of the files, in bytes.",
)
@click.option(
    "--codecs",
    default=None,
    metavar="KEY,KEY,...",
    help="Which codecs; by default all that are available and do not take many seconds. --list shows them.",
)
@click.option("--json", "json_file", type=OutputFile("text"), help="Write every number.")
@click.option(
    "--html",
    "html_file",
    type=OutputFile("text"),
    help="Write one page with curves, tables and pictures; it needs no network.",
)
@click.option(
    "--pictures",
    default=2,
    show_default=True,
    type=click.IntRange(0),
    help="Pictures shown in the page, at the second of the sizes. 0 for a page that may be published "
    "when the pictures may not.",
)
@click.option(
    "--paper",
    type=InputFile(),
    help="CSV of published points (codec,bpp,lpips) to draw dotted; by default those of the paper, where "
    "they lie in shared/ beside the repository.",
)
@click.option("--no-paper", is_flag=True, help="Draw no published points.")
@click.option("--limit", type=click.IntRange(1), help="Only the first pictures.")
@click.option("--processes", default=2, show_default=True, type=click.IntRange(1))
@click.option(
    "--cache",
    type=OutputFolder(),
    help="Where results are kept, so that an interrupted run goes on; by default in the cache of hsc.",
)
@click.option(
    "--list",
    "list_codecs",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, param, value: _list(ctx) if value else None,
    help="Show the codecs, and why some are not available.",
)
def compare_command(
    folder: Path,
    rates: tuple[int, ...],
    codecs: str | None,
    json_file: Output | None,
    html_file: Output | None,
    pictures: int,
    paper: Input | None,
    no_paper: bool,
    limit: int | None,
    processes: int,
    cache: Path | None,
) -> None:
    """Compare codecs at the same bytes on the aligned faces in FOLDER.

    \b
    Examples:
      python -m hsc compare faces/
      python -m hsc compare faces/ --bytes 800,1500 --codecs hsc,vvc --html report.html
    """
    from tqdm import tqdm

    from hsc.imaging.images import pictures_in

    pictures_in(folder)  # before seconds of imports: there may be none
    from hsc import compare, weights
    from hsc.compare import report

    points = []
    if paper is not None and not no_paper:
        with paper.file(".csv") as path:
            points = report.read_paper(path)
    elif not no_paper and (own := report.paper_curves()):
        points = report.read_paper(own)
    cache = cache or weights.cache_dir() / "compare"
    keys = [key.strip() for key in codecs.split(",")] if codecs else None
    with tqdm(unit="job", desc="compare", file=sys.stderr) as bar:

        def progress(done: int, total: int, what: str) -> None:
            bar.total = total
            bar.set_postfix_str(shown(what), refresh=False)
            bar.update(done - bar.n)

        found = compare.compare_folder(folder, rates, keys, cache, processes, limit, _command_line(), progress=progress)
    say(report.text_table(found))
    if json_file:
        json_file.write(found.as_json().encode())
    if html_file:
        examples = compare.examples(found, folder, pictures, rates[min(1, len(rates) - 1)]) if pictures else []
        html_file.write(report.page(found, examples, points).encode("utf-8", "replace"))


def _command_line() -> str:
    return (
        " ".join(["python -m hsc compare", *sys.argv[sys.argv.index("compare") + 1 :]])
        if ("compare" in sys.argv)
        else ""
    )


def _list(ctx: click.Context) -> None:
    from hsc import baselines
    from hsc.compare.result import name_of

    for codec in baselines.codecs():
        click.echo(f"{codec.key:14} {name_of(codec):34} {codec.available() or 'available'}")
    ctx.exit()
