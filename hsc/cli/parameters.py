"""Parameters that several commands have."""

from __future__ import annotations

from typing import Any

import click

from hsc.cli.files import Group
from hsc.runtime import threads


class Device(click.ParamType):
    """A device that torch has here."""

    name = "device"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value != "cpu":
            import torch

            try:
                torch.empty(1, device=value)
            except (RuntimeError, AssertionError):  # no such device, or a torch without it
                self.fail(f"torch has no device {value!r} here", param, ctx)
        return value


def _set_threads(ctx: click.Context, param: click.Parameter, value: int | None) -> None:
    if value is not None:
        threads.configure(value)


class CommandGroup(Group):
    """Commands that can all be told how many threads they may use."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        option: dict[str, Any] = {"type": click.IntRange(1, threads.MOST), "callback": _set_threads}
        text = f"Threads to compute with. [{threads.VARIABLE}, or as many as there are cores]"
        cmd.params.append(click.Option(["--threads"], is_eager=True, expose_value=False, help=text, **option))
        super().add_command(cmd, name)
