"""Stage ``preview``: fit the preview head to the generator's own down-sampled output.

Pairs are free: sample style codes, render once at 1024, keep the head's features and the picture averaged down to
256 px. Least squares give the linear part; Adam then fits everything.
"""

from __future__ import annotations

import math
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from hsc.generator import Generator, sample_codes
from hsc.generator.preview_head import PREVIEW_LEVEL, PREVIEW_SIZE, PreviewHead

Pair = tuple[Tensor, Tensor, Tensor]
HELD_OUT = 10
CROP = 64
"""Side of the feature crops that a step sees."""


def fit(generator: Generator, minutes: float, pictures: int = 110, seed: int = 0) -> PreviewHead:
    """Fit the head in about ``minutes`` after rendering the pairs; prints PSNR on held-out latents last."""
    random = torch.Generator().manual_seed(seed)
    pairs = []
    for index in range(pictures):
        pairs.append(_render(generator, sample_codes(generator, 1, random)))
        if index % 20 == 0:
            print(f"preview: rendered {index}/{pictures}", flush=True)
    held, pairs = pairs[:HELD_OUT], pairs[HELD_OUT:]
    head = PreviewHead().to(generator.input)
    _least_squares(head, pairs)
    linear = list(head.linear.parameters())
    known = {id(parameter) for parameter in linear}
    groups = [
        {"params": linear, "lr": 2e-4},
        {"params": [p for p in head.parameters() if id(p) not in known], "lr": 1.5e-3},
    ]
    optimizer = torch.optim.Adam(groups)
    base = [group["lr"] for group in groups]
    start = time.monotonic()
    while (share := (time.monotonic() - start) / (60 * minutes)) < 1:
        for group, rate in zip(optimizer.param_groups, base):
            group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * share)) + 1e-6
        chosen = [pairs[i] for i in torch.randint(len(pairs), (6,), generator=random).tolist()]
        y, x = torch.randint(0, PREVIEW_SIZE // 2 - CROP + 1, (2,), generator=random).tolist()
        codes = torch.cat([pair[0] for pair in chosen])
        features = torch.cat([pair[1][:, :, y : y + CROP, x : x + CROP] for pair in chosen])
        target = torch.cat([pair[2][:, :, 2 * y : 2 * (y + CROP), 2 * x : 2 * (x + CROP)] for pair in chosen])
        with torch.autocast(codes.device.type, torch.bfloat16):
            picture = head(features, codes)
        loss = F.mse_loss(picture.float(), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        errors = torch.stack([F.mse_loss(head(features.float(), codes), target) for codes, features, target in held])
    print(f"preview: {(10 * torch.log10(4 / errors)).mean():.2f} dB on {HELD_OUT} held-out latents", flush=True)
    return head.eval()


@torch.no_grad()
def _render(generator: Generator, codes: Tensor) -> Pair:
    features = generator.synthesize_features(codes, PREVIEW_LEVEL)
    picture = generator.synthesize_image(features, codes, PREVIEW_LEVEL)
    # Features are kept in half the memory; the fit runs in bfloat16 anyway.
    return codes, features.bfloat16(), F.interpolate(picture, size=(PREVIEW_SIZE, PREVIEW_SIZE), mode="area")


def _haar(image: Tensor) -> Tensor:
    """Forward Haar step, the inverse of :func:`hsc.generator.inverse_haar`: ``(B, 3, 2H, 2W) -> (B, 12, H, W)``."""
    a, b, c, d = F.pixel_unshuffle(image, 2).unflatten(1, (-1, 4)).unbind(2)
    high = torch.stack((a + b - c - d, a - b + c - d, a - b - c + d), 2).flatten(1, 2)
    return torch.cat((a + b + c + d, high), 1) * 0.5


@torch.no_grad()
def _least_squares(head: PreviewHead, pairs: list[Pair]) -> None:
    """Start the linear map at its least-squares solution."""
    size = head.linear.in_channels + 1
    gram, cross = (torch.zeros(size, width, dtype=torch.float64) for width in (size, 12))
    for _, features, target in pairs:
        rows = F.pad(features.float().flatten(2)[0].T[::5], (0, 1), value=1.0).cpu()
        gram += (rows.T @ rows).double()
        cross += (rows.T @ _haar(target).flatten(2)[0].T[::5].cpu()).double()
    gram += 1e-5 * gram.diagonal().mean() * torch.eye(size, dtype=torch.float64)
    solution = torch.linalg.solve(gram, cross).float().to(head.linear.weight.device)
    head.linear.weight.copy_(solution[:-1].T[:, :, None, None])
    head.linear.bias.copy_(solution[-1])
