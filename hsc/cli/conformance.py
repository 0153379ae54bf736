"""`python -m hsc conformance`: run a decoder through the kit of files and what they decode to."""

from __future__ import annotations

from pathlib import Path

import click

from hsc.cli.files import Command, InputFolder
from hsc.errors import HSCError


@click.command(cls=Command)
@click.option("--decoder", "command", metavar="CMD", help="A program that speaks the kit's protocol. [our own decoder]")
@click.option("--kit", type=InputFolder(), help="Folder of the kit. [the one that comes with the project]")
@click.option("-v", "--verbose", is_flag=True, help="Name each file.")
def conformance(command: str | None, kit: Path | None, verbose: bool) -> None:
    """Check that a decoder gives what the format says, for every feature and every kind of damage.

    docs/conformance.md describes the files and the protocol.

    Example: python -m hsc conformance --decoder "node web/tests/conformance.js"
    """
    from hsc.conformance import runner

    progress = (lambda name: click.echo(name, err=True)) if verbose else (lambda name: None)
    if command is None:
        report = runner.run(None, kit, progress)
    else:
        with runner.decoder(command) as ask:
            report = runner.run(ask, kit, progress)
    for line in report.failures:
        click.echo(line)
    skipped = f"; not supported: {', '.join(sorted(report.skipped))}" if report.skipped else ""
    click.echo(f"{report.files} files, {report.checks} checks, {len(report.failures)} failed{skipped}")
    if report.failures:
        raise HSCError("The decoder does not conform.")
