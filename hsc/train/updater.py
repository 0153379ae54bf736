"""Stage ``updater``: the updater alone, so that files, tables and all that reads them stay as they are.

A photo is coded, looked at and moved, as often as the encoder does it. Each look judges the move before it, and the
next move is made from it; so a move costs one pass through the generator and back, where judging only the last of
several costs one more for each before it.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from hsc import refine
from hsc.amortised import Seen, next_updates, unit_steps
from hsc.soft import moved, no_offsets
from hsc.train.losses import LATENT_WEIGHTS, latent_terms, weighted
from hsc.train.trainer import Trainer


def updater(trainer: Trainer, out: Path) -> None:
    """Train it until the time is over; see :mod:`hsc.train.program`."""
    network, settings = trainer.networks.updater, trainer.settings
    trainer.model.requires_grad_(False)
    network.requires_grad_(True)
    if settings.synthetic:
        trainer.generated  # made before the time begins
    scales = trainer.scales()
    photos = Photos(trainer, scales)

    def step() -> dict[str, Tensor]:
        nonlocal photos
        if photos.moves == refine.LEARNED:
            photos = Photos(trainer, scales)
        return photos.move()

    trainer.run(step, [{"params": list(network.parameters()), "lr": settings.learning_rate}], out, "updater")


class Photos:
    """A batch that is moved step by step.

    Args:
        scales: see :meth:`hsc.train.trainer.Trainer.scales`.
    """

    def __init__(self, trainer: Trainer, scales: tuple[Tensor, list[Tensor]]) -> None:
        settings = trainer.settings
        self.trainer, self.scales = trainer, scales
        self.batch = trainer.batch(settings.batch, settings.detailed, settings.synthetic)
        self.quality, self.count = trainer.conditions(len(self.batch.pictures))
        self.target = trainer.loss.target(self.batch.pictures)
        with torch.no_grad():
            self.s, features = trainer.invert(self.batch.pictures)
            self.coefficients, self.encoders = trainer.coefficients(self.s, features)
        self.units = unit_steps(trainer.networks, self.quality)
        self.offsets = no_offsets(trainer.networks, self.coefficients)
        self.moves = 0
        self._look([offset.requires_grad_(True) for offset in self.offsets])

    def move(self) -> dict[str, Tensor]:
        """One move of all photos, and the terms that it is judged by; ``loss`` has the updater's gradient."""
        updates = next_updates(
            self.trainer.update, self.batch.pictures, self.seen, self.coded, self.gradients, self.units, self.quality
        )
        self.moves += 1
        return self._look([offset.detach() + more for offset, more in zip(self.offsets, updates)])

    def _look(self, offsets: list[Tensor]) -> dict[str, Tensor]:
        """Code the photos with these offsets, and judge what comes out."""
        trainer, size = self.trainer, len(self.batch.pictures)
        first, *others = (offset * unit for offset, unit in zip(offsets, self.units))
        features = moved(self.encoders, others)
        coded = trainer.quantise(self.s, self.coefficients + first, features, self.quality, self.count)
        ends = coded.soft.features[-1], coded.soft.codes
        terms, self.seen, gradient = self._judge(*ends)
        # Of what the encoder can see, with respect to the offsets: what the next move is made from.
        self.gradients = torch.autograd.grad(
            ends, offsets, (self.seen.feature_gradient, self.seen.code_gradient), retain_graph=True
        )
        terms["bytes"] = (coded.semantic_bytes + coded.feature_bytes).mean()
        rate = (trainer.byte_weight(self.quality) * (coded.semantic_bytes + coded.feature_bytes)).mean()
        kept = latent_terms(self.s, coded.soft, self.scales)
        other = rate + weighted(kept, LATENT_WEIGHTS)
        # Its value is the loss; its gradient, too, through that of the picture.
        through = sum((end * part).sum() for end, part in zip(ends, gradient)) / size
        terms["loss"] = terms["picture"] + other + through - through.detach()
        self.offsets, self.coded = [offset.detach() for offset in offsets], coded.soft
        return terms | kept

    def _judge(self, feature: Tensor, codes: Tensor) -> tuple[dict[str, Tensor], Seen, list[Tensor]]:
        """Terms of the picture that F^ and S^ give, what of it the encoder sees, and the gradient of all terms' sum.

        The generator is run once; gradients with respect to F^ and S^ serve the move before and the one after.
        """
        trainer = self.trainer
        ends = [tensor.detach().requires_grad_(True) for tensor in (feature, codes)]
        middle = trainer.middle(ends[:1], ends[1])
        picture = trainer.head(middle, ends[1])
        terms = trainer.loss(picture, self.target)
        hidden = trainer.loss.total({"identity": terms["identity"]}).sum()
        visible = trainer.loss.total({name: terms[name] for name in terms if name != "identity"}).sum()
        result = {name: value.detach().mean() for name, value in terms.items()}
        if self.batch.fine:
            texture = trainer.texture(middle, ends[1], self.batch, refine.WINDOW)
            result["texture"] = texture.detach().mean()
            visible = visible + refine.TEXTURE_WEIGHT * texture.sum()
        result["picture"] = (visible + hidden).detach() / len(codes)
        seen = Seen(picture.detach(), *torch.autograd.grad(visible, ends, retain_graph=True))
        unseen = torch.autograd.grad(hidden, ends)
        return result, seen, [seen.feature_gradient + unseen[0], seen.code_gradient + unseen[1]]
