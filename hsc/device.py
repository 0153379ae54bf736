"""A device as a parameter of command lines."""

from __future__ import annotations

import click


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
