from __future__ import annotations

import torch

from hsc.encoder.adam import Adam


def test_steps_are_those_of_torch() -> None:
    random = torch.Generator().manual_seed(0)
    gradients = torch.randn(5, 1, 16, generator=random)
    own, other = (torch.ones(1, 16, requires_grad=True) for _ in range(2))
    adam, expected = Adam(own, (0.8, 0.95)), torch.optim.Adam([other], betas=(0.8, 0.95))
    for index, gradient in enumerate(gradients):
        own.grad, other.grad = gradient.clone(), gradient.clone()
        adam.step(0.1 / (index + 1))
        expected.param_groups[0]["lr"] = 0.1 / (index + 1)
        expected.step()
        assert own.grad is None
    torch.testing.assert_close(own, other)
