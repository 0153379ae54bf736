"""Stage ``likeness``: teach :class:`hsc.likeness.LikenessNetwork` what a face recogniser sees.

Its embeddings are the targets: of training faces, of what the codec at hand makes of them at any quality, of generated
faces, and of all these moved, blurred and recoloured. Restorations matter most, since telling them from their originals
is what the network is for.
"""

from __future__ import annotations

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hsc.likeness import LikenessNetwork
from hsc.train.trainer import Trainer

POOL = 2048
"""Restored and generated faces that are kept to be seen again, pairs of original and restoration."""
FRESH = 4
"""New ones a step."""


def fit(trainer: Trainer) -> LikenessNetwork:
    """Distil for the settings' minutes; prints agreement on held-out faces last."""
    settings, random, device = trainer.settings, trainer.random, trainer.device
    network = LikenessNetwork().to(device)
    average = LikenessNetwork().to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=1e-3)
    pool = torch.empty(0, 2, 3, 256, 256, dtype=torch.int8)
    begin, step, recent = time.monotonic(), 0, []
    while (share := (time.monotonic() - begin) / (60 * settings.minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * min(1, (step + 1) / 100) * (1.001 - share)
        if len(pool) < POOL or step % 4 == 0:
            pool = torch.cat((pool, _pairs(trainer)))[-POOL:]
        again = pool[torch.randint(len(pool), (settings.batch // 4,), generator=random)].to(device).float() / 127
        photos, _ = trainer.real(settings.batch // 2)
        pictures = torch.cat((_vary(again[:, 0], random), _vary(again[:, 1], random), _vary(photos, random)))
        with torch.no_grad(), torch.autocast(device.type, settings.precision):
            target = trainer.loss.identity(pictures).float()
        with torch.autocast(device.type, settings.precision):
            found = network(pictures).float()
        loss = (1 - (found * target).sum(1)).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        step += 1
        with torch.no_grad():
            for mean, value in zip(average.parameters(), network.parameters()):
                mean.lerp_(value, 1 - min(0.995, (1 + step) / (10 + step)))
        recent.append(loss.item())
        if step % 100 == 0:
            print(f"likeness step {step} {share:.0%} loss {sum(recent) / len(recent):.4f}", flush=True)
            recent = []
    validate(trainer, average)
    return average


@torch.no_grad()
def _pairs(trainer: Trainer) -> Tensor:
    """Fresh photos, or generated faces now and then, with their restorations: int8 ``(N, 2, 3, 256, 256)``."""
    random = trainer.random
    if torch.rand(1, generator=random) < 0.3:
        photos = trainer.synthetic(FRESH)[2]
    else:
        photos, _ = trainer.real(FRESH)
    quality = torch.rand(len(photos), 1, generator=random).to(trainer.device)
    return _bytes(torch.stack((photos, restore(trainer, photos, quality)), 1))


@torch.no_grad()
def restore(trainer: Trainer, photos: Tensor, quality: Tensor) -> Tensor:
    """What all layers at qualities ``(B, 1)`` give: previews ``(B, 3, 256, 256)``."""
    count = torch.full((len(photos),), trainer.networks.layers, device=trainer.device)
    coded = trainer.code(photos, quality, count, noise=False).soft
    return trainer.head(trainer.middle(coded.features, coded.codes), coded.codes).clamp(-1, 1)


def _bytes(pictures: Tensor) -> Tensor:
    return (pictures * 127).round().clamp(-127, 127).to(torch.int8).cpu()


def _vary(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Move, turn, blur and recolour faces a little, each in its own way."""
    count, device = len(pictures), pictures.device

    def uniform(*shape: int) -> Tensor:
        return (2 * torch.rand(*shape, generator=random) - 1).to(device)

    angle, scale = 0.1 * uniform(count), torch.exp(0.08 * uniform(count))
    cosine, sine = scale * angle.cos(), scale * angle.sin()
    shift = 0.04 * uniform(2, count)
    matrix = torch.stack((cosine, -sine, shift[0], sine, cosine, shift[1]), 1).view(count, 2, 3)
    grid = F.affine_grid(matrix, list(pictures.shape), align_corners=False)
    moved = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    blurred = F.interpolate(F.avg_pool2d(moved, 4), scale_factor=4, mode="bilinear")
    moved = torch.lerp(moved, blurred, uniform(count, 1, 1, 1).clamp(min=0) ** 2)
    return moved * (1 + 0.2 * uniform(count, 1, 1, 1)) + 0.15 * uniform(count, 3, 1, 1)


@torch.no_grad()
def validate(trainer: Trainer, network: LikenessNetwork, limit: int = 40) -> None:
    """Print how far both networks agree on held-out photos, and on how like them their restorations are."""
    held = trainer.faces.held_out[:: max(1, len(trainer.faces.held_out) // limit)]
    photos = trainer.faces.batch(held).to(trainer.device)
    quality = torch.linspace(0, 1, len(held), device=trainer.device)[:, None]
    restored = restore(trainer, photos, quality)
    own, teacher = ([net(part) for part in (photos, restored)] for net in (network, trainer.loss.identity))
    agreement = (own[0] * teacher[0]).sum(1).mean()
    likeness = [(first * second).sum(1) for first, second in (own, teacher)]
    correlation = torch.corrcoef(torch.stack(likeness))[0, 1]
    print(f"likeness: cosine to the teacher {agreement:.3f}; of restorations to photos {likeness[0].mean():.3f}, "
          f"teacher {likeness[1].mean():.3f}, correlation {correlation:.3f}", flush=True)
