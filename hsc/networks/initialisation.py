"""How layers begin that are to do nothing at first."""

from __future__ import annotations

from torch import nn


def zero(layer: nn.Module) -> None:
    """Set all parameters of a layer to 0, weights and biases."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
