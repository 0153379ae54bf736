"""Stage ``likeness``: teach :class:`hsc.likeness.LikenessNetwork` what a face recogniser sees.

Its embeddings are the targets: of training faces, of what the codec at hand makes of them at any quality, of generated
faces, and of all these moved, blurred and recoloured. Restorations matter most, since telling them from their originals
is what the network is for.
"""

from __future__ import annotations

import copy
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hsc.likeness import LikenessNetwork
from hsc.train.trainer import Trainer
from hsc.weights import load_state, read

POOL = 2048
"""Restored and generated faces that are kept to be seen again, pairs of original and restoration."""
FRESH = 4
"""New ones at a time."""
PAIR_WEIGHT = 2.0
"""Of how like its photo each restoration is, beside the embeddings themselves."""
STEPS, STEP = 3, 0.02
"""Gradient steps that every second restoration takes towards what the network takes for likeness, and their size."""


def fit(trainer: Trainer, start: Path | None = None) -> LikenessNetwork:
    """Distil for the settings' minutes, from ``start`` on if there is such a file; prints held-out agreement last."""
    settings, random, device = trainer.settings, trainer.random, trainer.device
    network = LikenessNetwork().to(device)
    if start and start.exists():
        load_state(network, read(start))
    average = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=1e-3)
    pool = torch.empty(0, 2, 3, 256, 256, dtype=torch.int8)
    begin, step, recent = time.monotonic(), 0, []
    while (share := (time.monotonic() - begin) / (60 * settings.minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * min(1, (step + 1) / 100) * (1.001 - share)
        if len(pool) < 8 * FRESH or step % 4 == 0:
            pool = torch.cat((pool, _pairs(trainer, average)))[-POOL:]
        again = pool[torch.randint(len(pool), (settings.batch // 4,), generator=random)].to(device).float() / 127
        photos, _ = trainer.real(settings.batch // 2)
        # Faces that nobody has, between two that somebody has.
        photos = torch.lerp(photos, photos.roll(1, 0), torch.rand(len(photos), 1, 1, 1, generator=random).to(device) / 2)
        # A pair is varied in one way, so that what tells the two apart is the restoration.
        first, second = _vary(again.flatten(1, 2), random).chunk(2, 1)
        pictures = torch.cat((first, second, _vary(photos, random)))
        with torch.no_grad(), torch.autocast(device.type, settings.precision):
            target = trainer.loss.identity(pictures).float()
        with torch.autocast(device.type, settings.precision):
            found = network(pictures).float()
        own, wanted = ((e[:len(first)] * e[len(first):2 * len(first)]).sum(1) for e in (found, target))
        loss = (1 - (found * target).sum(1)).mean() + PAIR_WEIGHT * (own - wanted).square().mean()
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


def _pairs(trainer: Trainer, network: LikenessNetwork) -> Tensor:
    """Photos, or generated faces now and then, with their restorations: int8 ``(N, 2, 3, 256, 256)``.

    Every second restoration has gone the way that refinement will go, so that the network learns where it is wrong.
    """
    random = trainer.random
    if torch.rand(1, generator=random) < 0.4:
        photos = trainer.synthetic(FRESH)[2]
    else:
        photos, _ = trainer.real(FRESH)
    quality = torch.rand(len(photos), 1, generator=random).to(trainer.device)
    astray = network if torch.rand(1, generator=random) < 0.5 else None
    return _bytes(torch.stack((photos, restore(trainer, photos, quality, astray)), 1))


def restore(trainer: Trainer, photos: Tensor, quality: Tensor, network: LikenessNetwork | None = None) -> Tensor:
    """What all layers at qualities ``(B, 1)`` give: previews ``(B, 3, 256, 256)``; refined through ``network``."""
    count = torch.full((len(photos),), trainer.networks.layers, device=trainer.device)
    with torch.no_grad():
        coded = trainer.code(photos, quality, count, noise=False).soft
    latents = [coded.codes, *coded.features]

    def render() -> Tensor:
        codes, *features = latents
        return trainer.head(trainer.middle(features, codes), codes)

    if network:
        latents = [each.detach().requires_grad_() for each in latents]
        optimizer = torch.optim.Adam(latents, lr=STEP)
        with torch.no_grad():
            wanted = network(photos)
        for _ in range(STEPS):
            picture = render()
            loss = (1 - (network(picture) * wanted).sum(1) + (picture - photos).abs().mean((1, 2, 3))).sum()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    with torch.no_grad():
        return render().clamp(-1, 1)


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
    return moved * (1 + 0.2 * uniform(count, 1, 1, 1)) + 0.15 * uniform(count, 3, 1, 1).repeat(1, pictures.shape[1] // 3, 1, 1)


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
