"""The training program: time-boxed, resumable, the same on a CPU and on an accelerator.

Stages, in order:

``inversion``
    The encoder alone. Synthetic pairs give S and F exactly; real faces go through the generator and are judged as
    pictures, once from S alone and once from S and F. No rate.
``semantics``
    The S head alone, by ridge regression on synthetic faces.
``codec``
    Everything, with rate: random quality for every picture, random truncation of the slices, judged as pictures.
``entropy``
    Transforms fixed; the entropy models alone are fitted to quantised latents, which costs almost nothing.
``detail``
    Everything else fixed; what longer files say beyond F, see :mod:`hsc.train.detail`.
"""

from __future__ import annotations

import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hsc.coding import differentiable
from hsc.encoder.objective import rate_lambda
from hsc.encoder.presets import DEFAULT
from hsc.errors import HSCError
from hsc.generator import LATENT, LAYERS, Generator
from hsc.generator.preview_head import PreviewHead
from hsc.train import detail
from hsc.train.data import VALIDATION, load_faces
from hsc.train.loss_weights import CODEC, INVERSION
from hsc.train.start import start_transforms
from hsc.train.trainer import Settings, Trainer
from hsc.weights import cache_dir, save_tensors


def inversion(trainer: Trainer, out: Path) -> None:
    """Stage ``inversion``."""
    gie, settings = trainer.networks.gie, trainer.settings
    if not gie.mean.any():
        with torch.no_grad():
            z = torch.randn(4096, LATENT, generator=trainer.random).to(trainer.device)
            gie.mean.copy_(trainer.exact_generator.mapping(z).mean(0))
            trainer.networks.scn.mean.copy_(gie.mean)
    code_scale, feature_scales = trainer.scales()

    def step() -> dict[str, Tensor]:
        image = trainer.batch(settings.batch).pictures
        codes, features, made = trainer.synthetic(settings.synthetic)
        s, found = trainer.invert(torch.cat((image, made)))
        n = len(image)
        trainer.seen += n
        terms = {
            "s": ((s[n:] - codes) / code_scale).square().mean(),
            "f": _relative([each[n:] for each in found], features, feature_scales),
        }
        real = [each[:n] for each in found]
        base = trainer.synthesize_features(s[:n], trainer.networks.levels[0])
        target = trainer.loss.target(image)
        with_f = trainer.loss(trainer.head(trainer.middle(real, s[:n]), s[:n]), target)
        # S alone is judged on half of the batch: a second picture costs as much as the first.
        half = (n + 1) // 2
        part = {
            key: [x[:half] for x in value] if isinstance(value, list) else value[:half] for key, value in target.items()
        }
        alone = trainer.synthesize_features(s[:half], trainer.networks.levels[-1])
        s_only = trainer.loss(trainer.head(trainer.middle([alone], s[:half]), s[:half]), part)
        terms["residual"] = ((real[0] - base) / feature_scales[0]).square().mean()
        terms["spread"] = ((s[:n] - gie.mean) / code_scale).square().mean()
        terms |= {f"{key}_f": value.mean() for key, value in with_f.items()}
        terms |= {f"{key}_s": value.mean() for key, value in s_only.items()}
        terms["loss"] = (
            trainer.loss.total(with_f).mean()
            + INVERSION.s_alone * trainer.loss.total(s_only).mean()
            + INVERSION.codes * terms["s"]
            + INVERSION.features * terms["f"]
            + INVERSION.residual * terms["residual"]
            + INVERSION.spread * terms["spread"]
        )
        return terms

    trainer.run(step, [{"params": list(gie.parameters()), "lr": settings.learning_rate}], out, "inversion")


@torch.no_grad()
def semantics(trainer: Trainer, out: Path) -> None:
    """Stage ``semantics``: the S head in closed form.

    Ridge regression from the encoder's evidence to the style codes of synthetic faces. Gradient descent needs
    far more pictures to get there; it only has to adapt the head to real faces afterwards.
    """
    gie, settings = trainer.networks.gie, trainer.settings
    size = gie.s_hidden.in_features + 1
    gram = torch.zeros(size, size, dtype=torch.float64)
    cross = torch.zeros(size, LAYERS * LATENT, dtype=torch.float64)
    held, count = [], 0
    deadline = time.monotonic() + 60 * settings.minutes
    while time.monotonic() < deadline:
        codes, _, image = trainer.synthetic(settings.batch)
        with torch.autocast(trainer.device.type, settings.precision):
            evidence = gie.evidence(gie.pyramid(image)[-1]).float()
        rows = F.pad(evidence, (0, 1), value=1.0).cpu()
        target = (codes - gie.mean).flatten(1).cpu()
        if len(held) < 20:
            held.append((rows, target))
            continue
        gram += (rows.T @ rows).double()
        cross += (rows.T @ target).double()
        count += len(rows)
    if not count:
        raise HSCError("The time was too short to see any face.")
    rows, target = (torch.cat(part).double() for part in zip(*held))
    best = None
    for strength in (1e-3, 1e-2, 1e-1, 1.0):
        ridge = gram / count + strength * gram.diagonal()[:-1].mean() / count * torch.eye(size).double()
        solution = torch.linalg.solve(ridge, cross / count)
        error = float((rows @ solution - target).square().mean() / target.square().mean())
        print(f"semantics: {count} faces, ridge {strength:g}, unexplained {error:.3f}", flush=True)
        if best is None or error < best[0]:
            best = (error, solution)
    covariance = gram / count
    codes = best[1].unflatten(1, (LAYERS, LATENT))
    rank = gie.s_basis.shape[1]
    coordinates = []
    for layer in range(LAYERS):
        own = codes[:, layer]
        basis = torch.linalg.eigh(own.T @ covariance @ own)[1][:, -rank:]
        gie.s_basis[layer].copy_(basis.T)
        coordinates.append(own @ basis)
    stacked = torch.cat(coordinates, 1)
    shared = torch.linalg.eigh(stacked.T @ covariance @ stacked)[1][:, -gie.s_hidden.out_features :]
    hidden = stacked @ shared
    # The hidden layer has about unit deviation, as an ordinary initialisation would give it.
    scale = (hidden * (covariance @ hidden)).sum(0).clamp(min=1e-12).sqrt()
    gie.s_hidden.weight.copy_((hidden / scale)[:-1].T)
    gie.s_hidden.bias.copy_((hidden / scale)[-1])
    gie.s_layers.weight.copy_(shared * scale)
    gie.s_layers.bias.zero_()
    trainer.remember()
    trainer.save(out / "semantics.safetensors")


def codec(trainer: Trainer, out: Path) -> None:
    """Stage ``codec``."""
    networks, settings = trainer.networks, trainer.settings
    start_transforms(trainer)
    if settings.synthetic:
        trainer.prepare_generated()  # before the time begins
    code_scale, feature_scales = trainer.scales()

    def step() -> dict[str, Tensor]:
        batch = trainer.batch(settings.batch, settings.with_half, settings.synthetic)
        n = len(batch.pictures)
        trainer.seen += n
        quality = torch.rand(n, 1, generator=trainer.random).to(trainer.device)
        count = _received([fcn.slices for fcn in networks.fcn], n, trainer.random).to(trainer.device)
        target = trainer.loss.target(batch.pictures)
        passes = 1 + int(torch.randint(DEFAULT.refinement.max_learned, (), generator=trainer.random))
        coded = trainer.code(target, batch, quality, count, passes)
        codes = coded.soft.codes
        middle = trainer.middle(coded.soft.features, codes)
        terms = trainer.loss(trainer.head(middle, codes), target)
        weight = rate_lambda(quality[:, 0])
        size = coded.semantic_bytes + coded.feature_bytes
        result = {key: value.mean() for key, value in terms.items()}
        result["semantic_bytes"] = coded.semantic_bytes.mean()
        result["feature_bytes"] = coded.feature_bytes.mean()
        result["loss"] = (trainer.loss.total(terms) + weight * size).mean()
        if batch.fine:
            result["texture"] = trainer.texture(middle, codes, batch).mean()
            result["loss"] = result["loss"] + DEFAULT.preview_distortion.texture * result["texture"]
        result["s_kept"] = ((codes - coded.s) / code_scale).square().mean()
        result["residual"] = _relative(coded.soft.features, coded.soft.bases, feature_scales)
        kept = CODEC.s_kept * result["s_kept"] + CODEC.residual * result["residual"]
        result["loss"] = result["loss"] + kept
        return result

    # The entropy models follow moving latents, so they learn faster than the transforms; so does what sees them fail.
    quick = list(trainer.rate.parameters()) + list(networks.sce.parameters()) + list(networks.scn.steps.parameters())
    quick += list(networks.updater.parameters())
    quick += [parameter for fcn in networks.fcn for parameter in fcn.step.parameters()]
    known = {id(p) for p in quick}
    slow = [p for p in networks.parameters() if id(p) not in known]
    rate = settings.learning_rate
    trainer.run(step, [{"params": slow, "lr": rate}, {"params": quick, "lr": 3 * rate}], out, "codec")


def _received(slices: list[int], count: int, random: torch.Generator) -> Tensor:
    """How many slices of each photo are received, ``(count,)``.

    Mostly all; now and then those of some levels, or any number, or none, so that each prefix learns to stand alone.
    """
    ends = torch.tensor(slices).cumsum(0)
    coarser = ends[torch.randint(0, max(len(ends) - 1, 1), (count,), generator=random)]
    some = torch.randint(0, int(ends[-1]), (count,), generator=random)
    chance = torch.rand(count, generator=random)
    received = torch.where(chance < 0.8, coarser, some).masked_fill(chance > 0.9, 0)
    return torch.where(chance < 0.7, ends[-1], received)


def entropy(trainer: Trainer, out: Path) -> None:
    """Stage ``entropy``."""
    networks, rate, settings = trainer.networks, trainer.rate, trainer.settings
    minutes = settings.minutes
    qualities, semantics, features = _collect(trainer, minutes * 60 * 0.5)
    settings.minutes = minutes * 0.5

    def step() -> dict[str, Tensor]:
        chosen = torch.randint(len(qualities), (8 * settings.batch,), generator=trainer.random).to(qualities.device)
        quality, semantic = qualities[chosen], semantics[chosen]
        width = networks.scn.step(quality).detach()
        semantic_bits = rate.semantic_bits(semantic + (torch.rand_like(semantic) - 0.5) * width, width)
        rounded = (semantic / width).round() * width
        bits, coarser = [], None
        for fcn, sce, latents in zip(networks.fcn, networks.sce, features):
            log2_step = fcn.step.log2(quality).detach()[:, :, None, None]
            context = sce.start(rounded, quality, coarser)
            coarser, own, _ = differentiable.code_slices(
                fcn, sce, latents[chosen].float(), context, log2_step, noise=True, slice_bits=rate.slice_bits
            )
            bits.append(own.sum(1))
        trainer.seen += len(chosen)
        feature_bytes = sum(bits).mean() / 8
        semantic_bytes = semantic_bits.mean() / 8
        return {
            "semantic_bytes": semantic_bytes,
            "feature_bytes": feature_bytes,
            "loss": (semantic_bytes + feature_bytes) / 100,
        }

    parameters = list(rate.parameters()) + list(networks.sce.parameters())
    trainer.run(step, [{"params": parameters, "lr": settings.learning_rate}], out, "entropy")


@torch.no_grad()
def _collect(trainer: Trainer, seconds: float, versions: int = 3) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Qualities, coefficients of S, and of F at each level: training faces at random qualities, while time allows."""
    networks, photos = trainer.networks, min(2 * trainer.settings.batch, len(trainer.faces.training))
    qualities, semantics, features = [], [], [[] for _ in networks.fcn]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        batch = trainer.batch(photos, photos // 2)
        image = batch.pictures
        target, found = trainer.loss.target(image), trainer.invert(image)
        count = torch.full((len(image),), networks.layers - 1, device=trainer.device)
        for _ in range(versions):
            qualities.append(torch.rand(len(image), 1, generator=trainer.random).to(trainer.device))
            semantic, encoders = trainer.refined(
                target, batch, *found, qualities[-1], count, DEFAULT.refinement.max_learned
            )
            coded = differentiable.simulate_coding(
                networks, trainer.synthesize_features, semantic, encoders, qualities[-1]
            )
            semantics.append(semantic)
            for into, latents in zip(features, coded.latents[1:]):
                into.append(latents.bfloat16())
    print(f"entropy: {len(qualities) * photos} latents of {len(qualities) * photos // versions} faces", flush=True)
    return torch.cat(qualities), torch.cat(semantics), [torch.cat(each) for each in features]


def _relative(found: list[Tensor], wanted: list[Tensor], scales: list[Tensor]) -> Tensor:
    """Mean square over levels of what differs, in units of each level's deviation."""
    errors = [((a - b) / scale).square().mean() for a, b, scale in zip(found, wanted, scales)]
    return torch.stack(errors).mean()


def _save_half(network: nn.Module, path: Path) -> None:
    save_tensors({name: value.half() for name, value in network.state_dict().items()}, path)


STAGES = {"inversion": inversion, "semantics": semantics, "codec": codec, "entropy": entropy, "detail": detail.detail}


def run(
    stage: str, settings: Settings, shards: list[Path], out: Path, checkpoint: Path | None = None, device: str = "cpu"
) -> None:
    """One stage, from shards and a checkpoint to ``out/<stage>.safetensors``; held-out metrics last.

    Raises:
        WeightsError: the judges' networks are missing.
        HSCError: there is too little to train on, or the checkpoint is of other networks.
    """
    generator = Generator.load().to(device)
    if stage == "preview":
        from hsc.train import preview

        _save_half(preview.fit(generator, settings.minutes, seed=settings.seed), out / "preview.safetensors")
        return
    if not shards:
        raise HSCError("Training needs faces: name tar shards with --data.")
    faces = load_faces(shards, cache_dir() / "faces")
    if len(faces.training) < settings.batch:
        raise HSCError(f"{VALIDATION} faces are held out; with {len(faces.names)}, too few are left to train on.")
    if stage == "inversion" and not settings.synthetic:
        raise HSCError("The stage inversion needs synthetic faces.")
    settings.detail = stage == "detail"
    trainer = Trainer(faces, settings, generator, PreviewHead.load())
    if checkpoint:
        trainer.load(checkpoint)
    STAGES[stage](trainer, out)
    if stage in ("codec", "entropy"):
        trainer.validate()
