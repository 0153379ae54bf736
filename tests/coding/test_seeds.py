from __future__ import annotations

import subprocess
import sys

import torch

from hsc.coding.seeds import seed


def test_gradients_are_those_of_torch() -> None:
    leaf = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    made, given = (leaf.exp(), leaf[:, 0] * 2), (torch.rand(3, 4), torch.rand(3))
    expected = torch.autograd.grad(made, leaf, given, retain_graph=True)
    with torch.no_grad():
        start = seed(made, given)
    assert start.item() == 0
    torch.testing.assert_close(torch.autograd.grad(start, leaf), expected)


def test_an_encode_imports_no_compiler_and_no_algebra() -> None:
    """Nor what steps alone need before there are any."""
    program = (
        "import sys, hsc; codec = hsc.Codec.load(); face = codec.decode(b'')\n"
        "codec.encode(face, 400, refine=0); assert 'lpips' not in vars(codec.encoder_context)\n"
        "codec.encode(face, 400, refine=2)\n"
        "print([name for name in ('sympy', 'torch._dynamo', 'torch._inductor') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
