"""Fitting what paints need: the map that tells regions apart, and the tint that gives a region a colour.

Both are least squares. Regions: FaceMesh's outlines on the generator's own faces and on decoded photos, against the
features at 64x64 that those are made of. Tints: how red, green and blue of a region answer to a change of its features
is differentiated through the preview, on decoded photos, and averaged; of all changes that give the colour asked for,
the smallest is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from directions.scorers import colours
from hsc.editing.movement import REGIONS, Place, mask
from hsc.editing.regions import RegionProbe
from hsc.networks.hsc_networks import DETAIL_LEVEL

if TYPE_CHECKING:
    from directions.scorers.mesh import MeshScorer
    from hsc.codec import Codec, Semantics

SIDE = 64
PER_FACE = 500
"""Places of a face that are fitted to."""
_BROWS = ((70, 63, 105, 66, 107, 55, 65, 52, 53, 46), (300, 293, 334, 296, 336, 285, 295, 282, 283, 276))
_FINER = 4  # outlines are drawn this many times as large, and averaged down
_SURE = 0.5  # share of a place that a region fills, from which the place is of the region
_RIDGE, _DAMPING = 300.0, 0.01


def outlines(image: Image.Image, mesh: MeshScorer) -> dict[str, np.ndarray]:
    """How much of each place ``(64, 64)`` is lips, lids, skin and hair, and ``other``, which is surely none of hair.

    Hair is what lies in a band around the upper face, as in :func:`directions.scorers.colours.measure`; it holds some
    background, which a linear fit averages out.
    """
    points, _ = mesh.landmarks(image)
    points = points * SIDE

    def filled(*loops: tuple[int, ...]) -> np.ndarray:
        drawn = Image.new("L", (SIDE * _FINER, SIDE * _FINER))
        for loop in loops:
            ImageDraw.Draw(drawn).polygon([tuple(points[index] * _FINER) for index in loop], fill=255)
        return np.asarray(drawn.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 255

    lips, eyes = filled(colours._LIPS), filled(*colours._EYES)
    lids = filled(*[low + high[::-1] for low, high in zip(colours._LASHES, colours._CREASES)])
    skin = np.clip(filled(colours._OVAL) - lips - eyes - filled(*_BROWS), 0, 1)
    upper = points[list(colours._OVAL[:8] + colours._OVAL[-7:])]
    middle = points[list(colours._OVAL)].mean(0)
    hair = np.zeros((SIDE, SIDE), np.float32)
    for share in np.linspace(1.12, 1.3, 9):
        column, row = (middle + (upper - middle) * share).astype(int).T
        inside = (column >= 0) & (row >= 0) & (column < SIDE) & (row < SIDE)
        hair[row[inside], column[inside]] = 1
    corners = np.zeros((SIDE, SIDE), np.float32)
    corners[:8, :8] = corners[:8, -8:] = 1
    return {
        "lips": np.clip(lips - filled(colours._MOUTH), 0, 1),
        "lids": np.clip(lids - eyes, 0, 1),
        "skin": skin,
        "hair": hair,
        "other": np.maximum(corners, skin > 0.9),
    }


def fit_regions(faces: Iterable[tuple[Tensor, Image.Image]], mesh: MeshScorer, seed: int = 0) -> RegionProbe:
    """The map of regions, from features ``(1, 512, 64, 64)`` and the pictures that are made of them."""
    random, rows, shares = np.random.default_rng(seed), [], []
    for features, picture in faces:
        found = {name: share.ravel() for name, share in outlines(picture, mesh).items()}
        often = 0.05 + found["lips"] + found["lids"] + 0.1 * found["skin"] + 0.6 * found["hair"] + 0.1 * found["other"]
        chosen = random.choice(SIDE**2, PER_FACE, replace=False, p=often / often.sum())
        scaled = features * torch.rsqrt(features.square().mean(1, keepdim=True) + 1e-6)
        rows.append(F.pad(scaled[0].flatten(1).T[chosen], (0, 1), value=1.0).numpy())
        shares.append({name: share[chosen] for name, share in found.items()})
    values = np.concatenate(rows).astype(np.float64)
    maps = []
    for name in REGIONS:
        inside = np.concatenate([share[name] for share in shares]) > _SURE
        known = inside | (np.concatenate([share["other"] for share in shares]) > 0) if name == "hair" else inside | True
        weight = known * np.where(inside, 0.5 / inside[known].mean(), 0.5 / (~inside)[known].mean())
        gram = (values * weight[:, None]).T @ values + _RIDGE * np.eye(values.shape[1])
        maps.append(np.linalg.solve(gram, (values * weight[:, None]).T @ np.where(inside, 1.0, -1.0)))
    fitted = torch.from_numpy(np.stack(maps)).float()
    return RegionProbe(fitted[:, :-1].contiguous(), fitted[:, -1].contiguous())


def colour_response(
    codec: Codec, probe: RegionProbe, faces: Iterable[Semantics], wanted: Mapping[str, tuple[str, Place]]
) -> dict[str, Tensor]:
    """How red, green and blue of regions answer to a change of their features: ``(3, 512)`` for each name.

    Args:
        wanted: region and place by name.
    """
    sums = {name: torch.zeros(3, 512) for name in wanted}
    count = 0
    for semantics in faces:
        features = codec.finest(semantics).detach().requires_grad_(True)
        with torch.enable_grad():
            picture = codec.preview.render(codec.generator, features, semantics.codes, DETAIL_LEVEL)
            masks = probe(features.detach())
            for name, (region, place) in wanted.items():
                where = masks[region] * torch.from_numpy(mask(place, SIDE).copy())
                seen = F.interpolate(where, picture.shape[2:], mode="bilinear", align_corners=False)
                for channel in range(3):
                    mean = (picture[:, channel] * seen[:, 0]).sum() / seen.sum().clamp(min=1e-3)
                    (slope,) = torch.autograd.grad(mean, features, retain_graph=True)
                    sums[name][channel] += (slope * where).sum((0, 2, 3))
        count += 1
    return {name: total / max(count, 1) for name, total in sums.items()}


def tint_of(response: Tensor, colour: tuple[float, float, float]) -> np.ndarray:
    """The least change of features ``(512,)`` that changes red, green and blue by so much, their range being 2."""
    gram = response @ response.T
    damped = gram + _DAMPING * gram.diagonal().mean() * torch.eye(3)
    return (response.T @ torch.linalg.solve(damped, torch.tensor(colour))).float().numpy()
