"""Closed-form beginnings: SCN and FCN from the principal components of what the encoder finds."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hsc.networks import FeatureCompressionNetwork, SemanticCompressionNetwork
from hsc.train.trainer import Trainer


@torch.no_grad()
def start_transforms(trainer: Trainer, count: int = 2048) -> None:
    """Set SCN, where it is new, and the FCN of every new level to principal components over training faces."""
    networks = trainer.networks
    new = [index for index, fcn in enumerate(networks.fcn) if not fcn.synthesis_correction[-1].weight.any()]
    if not new:
        return
    count = min(count, len(trainer.faces.training))
    chosen = np.sort(trainer.numpy.choice(trainer.faces.training, count, replace=False))
    codes, residuals = [], [[] for _ in networks.fcn]
    for part in np.array_split(chosen, -(-count // 16)):
        s, features = trainer.invert(trainer.faces.batch(part).to(trainer.device))
        codes.append(s)
        for index in new:
            before = (features[index - 1], networks.levels[index - 1]) if index else ()
            residual = features[index] - trainer.synthesize_features(s, networks.levels[index], *before)
            # Patches side by side at 16x16; every second of them each way is plenty at 32x32.
            patches = F.unfold(residual, 2, stride=2 * 2**index).transpose(1, 2).flatten(0, 1)
            residuals[index].append(patches)
    if 0 in new:
        principal_semantics(networks.scn, torch.cat(codes))
    for index in new:
        principal_features(networks.fcn[index], torch.cat(residuals[index]))
        if index:
            # Finer components are weaker: with the ordinary steps all of their symbols would be zero.
            networks.fcn[index].step.coarse.fill_(-1)
            networks.fcn[index].step.fine.fill_(-5)
    trainer.remember()


@torch.no_grad()
def principal_components(rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Strongest directions of ``(N, D)`` rows about 0: basis ``(D, count)`` and deviations ``(count,)``."""
    gram = (rows.T.double() @ rows.double()) / len(rows)
    values, vectors = torch.linalg.eigh(gram)
    order = values.argsort(descending=True)[:count]
    return vectors[:, order].float(), values[order].clamp(min=1e-12).sqrt().float()


@torch.no_grad()
def principal_features(fcn: FeatureCompressionNetwork, patches: Tensor) -> None:
    """Start FCN from the principal components of 2x2 patches of residuals, ``(N, 4 * channels)``."""
    basis, deviation = principal_components(patches, fcn.synthesis.weight.shape[0])
    # Coefficients of about unit deviation for the strongest direction.
    basis = basis / deviation[0]
    fcn.analysis.weight.copy_(basis.T.reshape(fcn.analysis.weight.shape))
    fcn.analysis.bias.zero_()
    fcn.synthesis.weight.copy_((basis * deviation[0] ** 2).T.reshape(fcn.synthesis.weight.shape))
    fcn.synthesis.bias.zero_()
    print("feature deviations", (deviation[[0, 23, 47, -1]] / deviation[0]).tolist(), flush=True)


@torch.no_grad()
def principal_semantics(scn: SemanticCompressionNetwork, codes: Tensor) -> None:
    """Start SCN from the principal components of style codes ``(N, 16, 512)``."""
    centred = codes - scn.mean
    rank = len(scn.project.weight)
    shared, _ = principal_components(centred.flatten(0, 1), rank)
    scn.project.weight.copy_(shared.T)
    scn.expand.copy_(shared.T.expand_as(scn.expand))
    flat = (centred @ shared).flatten(1)
    offset = flat.mean(0)
    basis, deviation = principal_components(flat - offset, scn.analysis.weight.shape[0])
    scn.analysis.weight.copy_(basis.T / deviation[0] * 4)
    scn.analysis.bias.copy_(-(offset @ basis) / deviation[0] * 4)
    scn.synthesis.weight.copy_(basis * deviation[0] / 4)
    scn.synthesis.bias.copy_(offset)
    print("semantic deviations", (deviation[[0, 15, 63, 255, 767]] / deviation[0]).tolist(), flush=True)
