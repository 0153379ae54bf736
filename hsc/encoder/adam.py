"""Adam for one tensor (Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, arXiv 1412.6980).

``torch.optim`` does the same, and imports a compiler to do it: a second and a hundred megabytes in each new process.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Adam:
    """Steps against gradients, each scaled by how large they were.

    Args:
        leaf: is changed in place.
        betas: what is kept, with each step, of the mean gradient and of its mean square.
    """

    EPSILON = 1e-8

    def __init__(self, leaf: Tensor, betas: tuple[float, float]) -> None:
        self._leaf, self._betas, self._steps = leaf, betas, 0
        self._mean, self._square = torch.zeros_like(leaf), torch.zeros_like(leaf)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step by the leaf's gradient, which is cleared."""
        gradient, (first, second) = self._leaf.grad, self._betas
        self._steps += 1
        self._mean.lerp_(gradient, 1 - first)
        self._square.lerp_(gradient.square(), 1 - second)
        size = (self._square / (1 - second**self._steps)).sqrt_() + self.EPSILON
        self._leaf -= rate / (1 - first**self._steps) * self._mean / size
        self._leaf.grad = None
