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
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hsc.errors import HSCError
from hsc.generator import LATENT, LAYERS, Generator
from hsc.model import LEVEL, HSCNetworks
from hsc.networks import SemanticCompressionNetwork
from hsc.networks.gain import round_through
from hsc.preview import PreviewHead
from hsc.refine import RATE_SPAN, RATE_WEIGHT
from hsc.train.data import Faces, load_faces, sample_codes, synthetic_pairs
from hsc.train.losses import PictureLoss
from hsc.train.rate import RateModel, add_noise
from hsc.weights import cache_dir


@dataclass
class Settings:
    """What a run may vary; everything else is the program's."""

    minutes: float
    batch: int = 4
    synthetic: int = 4
    learning_rate: float = 6e-4
    seed: int = 0
    rate_weight: float = RATE_WEIGHT
    """Weight of one byte at quality 0 ..."""
    rate_span: float = RATE_SPAN
    """... which is divided by 2^span at quality 1."""
    precision: torch.dtype = torch.bfloat16
    report: int = 50
    """Steps between two lines of the log."""


class Trainer:
    """Frozen judges, the networks that learn, and their moving average."""

    def __init__(self, faces: Faces, settings: Settings, generator: Generator, preview: PreviewHead) -> None:
        device = generator.input.device
        self.faces, self.settings = faces, settings
        self.exact_generator = generator
        self.generator = Generator().to(device)
        self.generator.load_state_dict(generator.state_dict())
        self.generator.requires_grad_(False).to(settings.precision)
        self.preview = preview.to(device, settings.precision)
        self.loss = PictureLoss(settings.precision).to(device)
        self.model = nn.ModuleDict({"networks": HSCNetworks(), "rate": RateModel()}).to(device)
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.random = torch.Generator().manual_seed(settings.seed)
        self.numpy = np.random.default_rng(settings.seed)
        self.seen = 0

    @property
    def networks(self) -> HSCNetworks:
        return self.model["networks"]

    @property
    def rate(self) -> RateModel:
        return self.model["rate"]

    @property
    def device(self) -> torch.device:
        return self.exact_generator.input.device

    def load(self, path: Path) -> None:
        """Continue from a checkpoint; parameters of stages not reached yet may be missing."""
        state = {name: value.float() if value.is_floating_point() else value
                 for name, value in load_file(path).items()}
        own = self.model.state_dict()
        state = {name: value for name, value in state.items() if name in own and own[name].shape == value.shape}
        self.model.load_state_dict(state, strict=False)
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}

    def save(self, path: Path) -> None:
        """The moving average, as float32 safetensors, replaced in one step."""
        partial = path.with_suffix(".part")
        save_file({name: value.contiguous() for name, value in self.average.items()}, partial)
        partial.replace(path)

    def real(self, count: int) -> Tensor:
        """Training faces ``(count, 3, 256, 256)``, mirrored at random."""
        chosen = np.sort(self.numpy.choice(self.faces.training, count, replace=False))
        return self.faces.batch(chosen, self.numpy.random(count) < 0.5).to(self.device)

    def picture(self, features: Tensor, codes: Tensor) -> Tensor:
        """G_l at preview size: features at F's level and codes to ``(B, 3, 256, 256)`` float32."""
        kind = self.settings.precision
        return self.preview.render(self.generator, features.to(kind), codes.to(kind), LEVEL).float()

    def prefix(self, codes: Tensor) -> Tensor:
        """G_s: codes to features at F's level, float32."""
        return self.generator.prefix(codes.to(self.settings.precision), LEVEL).float()

    def run(self, step: Callable[[], dict[str, Tensor]], parameters: list[dict], out: Path, name: str) -> None:
        """Call ``step`` until the time is over; it returns terms, of which ``loss`` is minimised."""
        settings = self.settings
        optimizer = torch.optim.AdamW(parameters, lr=settings.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4)
        base = [group["lr"] for group in optimizer.param_groups]
        everything = [p for group in parameters for p in group["params"]]
        start = saved = time.monotonic()
        steps, recent = 0, []
        while (share := (time.monotonic() - start) / (60 * settings.minutes)) < 1:
            warm = min(1.0, (steps + 1) / 50)
            for group, rate in zip(optimizer.param_groups, base):
                group["lr"] = rate * warm * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * share)))
            terms = step()
            optimizer.zero_grad(set_to_none=True)
            terms["loss"].backward()
            norm = nn.utils.clip_grad_norm_(everything, 1.0)
            if torch.isfinite(norm):
                optimizer.step()
            steps += 1
            self._follow(min(0.998, (1 + steps) / (10 + steps)))
            recent.append({key: float(value) for key, value in terms.items()})
            if steps % settings.report == 0:
                means = {key: float(np.mean([r[key] for r in recent])) for key in recent[0]}
                recent = []
                print(f"{name} step {steps} seen {self.seen} {share:.0%} "
                      + " ".join(f"{key} {value:.4f}" for key, value in means.items()), flush=True)
            if time.monotonic() - saved > 120:
                self.save(out / f"{name}.safetensors")
                saved = time.monotonic()
        self.model.load_state_dict(self.average)
        self.save(out / f"{name}.safetensors")

    @torch.no_grad()
    def _follow(self, decay: float) -> None:
        for key, value in self.model.state_dict().items():
            if value.is_floating_point():
                self.average[key].lerp_(value, 1 - decay)
            else:
                self.average[key].copy_(value)

    # ------------------------------------------------------------------ stages

    def inversion(self, out: Path) -> None:
        """Stage ``inversion``."""
        gie, settings = self.networks.gie, self.settings
        with torch.no_grad():
            codes = sample_codes(self.exact_generator, 512, self.random, mixing=0)
            if not gie.mean.any():
                gie.mean.copy_(self.exact_generator.mapping(
                    torch.randn(4096, 512, generator=self.random).to(self.device)).mean(0))
                self.networks.scn.mean.copy_(gie.mean)
            code_scale = (codes[:, 0] - gie.mean).square().mean().sqrt()
            feature_scale = self.prefix(codes[:32]).std()

        def step() -> dict[str, Tensor]:
            image = self.real(settings.batch)
            with torch.no_grad():
                codes, features = synthetic_pairs(self.exact_generator, settings.synthetic, LEVEL, self.random)
                made = self.picture(features, codes)
            with torch.autocast(self.device.type, settings.precision):
                s, f = gie(torch.cat((image, made.clamp(-1, 1))))
            s, f = s.float(), f.float()
            self.seen += len(image)
            n = len(image)
            terms = {
                "s": ((s[n:] - codes) / code_scale).square().mean(),
                "f": ((f[n:] - features) / feature_scale).square().mean(),
            }
            base = self.prefix(s[:n])
            target = self.loss.target(image)
            with_f = self.loss(self.picture(f[:n], s[:n]), target)
            # S alone is judged on half of the batch: a second picture costs as much as the first.
            half = (n + 1) // 2
            part = {key: [x[:half] for x in value] if isinstance(value, list) else value[:half]
                    for key, value in target.items()}
            s_only = self.loss(self.picture(base[:half], s[:half]), part)
            terms["residual"] = ((f[:n] - base) / feature_scale).square().mean()
            terms["spread"] = ((s[:n] - gie.mean) / code_scale).square().mean()
            terms |= {f"{key}_f": value.mean() for key, value in with_f.items()}
            terms |= {f"{key}_s": value.mean() for key, value in s_only.items()}
            terms["loss"] = (
                self.loss.total(with_f).mean() + 0.7 * self.loss.total(s_only).mean()
                + 0.3 * terms["s"] + 0.3 * terms["f"] + 0.02 * terms["residual"] + 0.01 * terms["spread"]
            )
            return terms

        self.run(step, [{"params": list(gie.parameters()), "lr": settings.learning_rate}], out, "inversion")

    @torch.no_grad()
    def semantics(self, out: Path) -> None:
        """Stage ``semantics``: the S head in closed form.

        Ridge regression from the encoder's evidence to the style codes of synthetic faces. Gradient descent needs
        far more pictures to get there; it only has to adapt the head to real faces afterwards.
        """
        gie, settings = self.networks.gie, self.settings
        size = gie.s_hidden.in_features + 1
        gram = torch.zeros(size, size, dtype=torch.float64)
        cross = torch.zeros(size, LAYERS * LATENT, dtype=torch.float64)
        held, count = [], 0
        deadline = time.monotonic() + 60 * settings.minutes
        while time.monotonic() < deadline:
            codes, features = synthetic_pairs(self.exact_generator, settings.batch, LEVEL, self.random)
            image = self.picture(features, codes).clamp(-1, 1)
            with torch.autocast(self.device.type, settings.precision):
                at16 = gie.at16(gie.at32(gie.at64(gie.stem(F.pixel_unshuffle(image, 4)))))
                evidence = gie.evidence(gie.at8(at16)).float()
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
        shared = torch.linalg.eigh(stacked.T @ covariance @ stacked)[1][:, -gie.s_hidden.out_features:]
        hidden = stacked @ shared
        # The hidden layer has about unit deviation, as an ordinary initialisation would give it.
        scale = (hidden * (covariance @ hidden)).sum(0).clamp(min=1e-12).sqrt()
        gie.s_hidden.weight.copy_((hidden / scale)[:-1].T)
        gie.s_hidden.bias.copy_((hidden / scale)[-1])
        gie.s_layers.weight.copy_(shared * scale)
        gie.s_layers.bias.zero_()
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.save(out / "semantics.safetensors")

    @torch.no_grad()
    def start_transforms(self, count: int = 2048) -> None:
        """Set SCN and FCN to the principal components of what the encoder finds in training faces."""
        networks = self.networks
        chosen = np.sort(self.numpy.choice(self.faces.training, count, replace=False))
        codes, residuals = [], []
        for part in np.array_split(chosen, count // 16):
            with torch.autocast(self.device.type, self.settings.precision):
                s, f = networks.gie(self.faces.batch(part).to(self.device))
            codes.append(s.float())
            residuals.append(f.float() - self.prefix(s.float()))
        principal_semantics(networks.scn, torch.cat(codes))
        residual = torch.cat(residuals)
        patches = F.unfold(residual, 2, stride=2).transpose(1, 2).flatten(0, 1)
        basis, deviation = principal_components(patches, networks.fcn.synthesis.weight.shape[0])
        # Coefficients of about unit deviation for the strongest direction.
        basis = basis / deviation[0]
        networks.fcn.analysis.weight.copy_(basis.T.reshape(networks.fcn.analysis.weight.shape))
        networks.fcn.analysis.bias.zero_()
        networks.fcn.synthesis.weight.copy_(
            (basis * deviation[0] ** 2).T.reshape(networks.fcn.synthesis.weight.shape)
        )
        networks.fcn.synthesis.bias.zero_()
        print("feature deviations", (deviation[[0, 23, 47, 95, 191]] / deviation[0]).tolist(), flush=True)

    def code(self, image: Tensor, quality: Tensor, count: Tensor, noise: bool = True) -> dict[str, Tensor]:
        """Photo -> rounded latents -> S^, F^ and estimated bits.

        Args:
            image: ``(B, 3, 256, 256)``.
            quality: ``(B, 1)`` in [0, 1].
            count: ``(B,)`` feature slices that are received.
        """
        networks, rate = self.networks, self.rate
        with torch.autocast(self.device.type, self.settings.precision):
            s, f = networks.gie(image)
        s, f = s.float(), f.float()
        coefficients, step = networks.scn.encode(s), networks.scn.step(quality)
        scaled = coefficients / step
        semantic_bits = rate.semantic_bits((add_noise(scaled) if noise else scaled.round()) * step, step)
        semantics = round_through(scaled) * step
        s_hat = networks.scn.decode(semantics)
        base = self.prefix(s_hat)
        y = networks.fcn.encode(f, base)
        log2_step = networks.fcn.step.log2(quality)[:, :, None, None]
        context = networks.sce.start(semantics, quality)
        y_hat, bits = self._predict(y, context, log2_step, count, noise)
        f_hat = torch.where((count > 0)[:, None, None, None], networks.fcn.decode(y_hat, base), base)
        index = torch.arange(bits.shape[1], device=count.device)
        feature_bits = torch.where(index < count[:, None], bits, torch.zeros_like(bits)).sum(1)
        return {"s": s, "f": f, "s_hat": s_hat, "f_hat": f_hat, "base": base, "semantic_bytes": semantic_bits / 8,
                "feature_bytes": feature_bits / 8}

    def _predict(
        self, y: Tensor, context: Tensor, log2_step: Tensor, count: Tensor | None, noise: bool
    ) -> tuple[Tensor, Tensor]:
        """Slice by slice: decoded coefficients ``(B, latent, h, w)`` and bits of every slice ``(B, slices)``.

        Slices from ``count`` on are missing: their predicted mean stands in, for the picture and as context alike.
        """
        networks = self.networks
        bits, decoded = [], []
        for index, own in enumerate(y.chunk(networks.fcn.slices, 1)):
            mean, log2_scale = networks.sce(index, context)
            exponent = log2_step[:, index * own.shape[1]:][:, :own.shape[1]]
            width = torch.exp2(exponent)
            scaled = (own - mean) / width
            noisy = (add_noise(scaled) if noise else scaled.round()) * width + mean
            bits.append(self.rate.feature_bits(noisy, mean, log2_scale, exponent).sum((1, 2, 3)))
            received = round_through(scaled) * width + mean
            if count is not None:
                received = torch.where((index < count)[:, None, None, None], received, mean)
            decoded.append(received)
            context = torch.cat((context, received), 1)
        return torch.cat(decoded, 1), torch.stack(bits, 1)

    def codec(self, out: Path) -> None:
        """Stage ``codec``."""
        networks, settings = self.networks, self.settings
        if not networks.scn.expand.any():
            self.start_transforms()
            self.average = {name: value.clone() for name, value in self.model.state_dict().items()}
        with torch.no_grad():
            codes = sample_codes(self.exact_generator, 64, self.random, mixing=0)
            code_scale = (codes[:, 0] - networks.gie.mean).square().mean().sqrt()
            feature_scale = self.prefix(codes[:32]).std()
        slices = networks.fcn.slices

        def step() -> dict[str, Tensor]:
            image = self.real(settings.batch)
            n = len(image)
            self.seen += n
            quality = torch.rand(n, 1, generator=self.random).to(self.device)
            count = torch.randint(0, slices, (n,), generator=self.random)
            count[torch.rand(n, generator=self.random) < 0.6] = slices
            count = count.to(self.device)
            coded = self.code(image, quality, count)
            target = self.loss.target(image)
            terms = self.loss(self.picture(coded["f_hat"], coded["s_hat"]), target)
            weight = settings.rate_weight * torch.exp2(-settings.rate_span * quality[:, 0])
            size = coded["semantic_bytes"] + coded["feature_bytes"]
            result = {key: value.mean() for key, value in terms.items()}
            result["semantic_bytes"] = coded["semantic_bytes"].mean()
            result["feature_bytes"] = coded["feature_bytes"][count == slices].mean()
            result["loss"] = (self.loss.total(terms) + weight * size).mean()
            # What was decoded stays near what was encoded, and F near what S alone would give.
            result["kept"] = ((coded["f_hat"] - coded["f"])[count == slices] / feature_scale).square().mean()
            result["s_kept"] = ((coded["s_hat"] - coded["s"]) / code_scale).square().mean()
            result["loss"] = result["loss"] + 0.1 * result["s_kept"]
            if (count == slices).any():
                result["loss"] = result["loss"] + 0.02 * result["kept"]
            if settings.synthetic:
                result["s"], result["f"] = self._synthetic(code_scale, feature_scale)
                result["loss"] = result["loss"] + 0.1 * (result["s"] + result["f"])
            return result

        # The entropy models follow moving latents, so they learn faster than the transforms.
        quick = list(self.rate.parameters()) + list(networks.sce.parameters())
        quick += list(networks.scn.step_parameters()) + list(networks.fcn.step.parameters())
        known = {id(p) for p in quick}
        slow = [p for p in networks.parameters() if id(p) not in known]
        rate = settings.learning_rate
        self.run(step, [{"params": slow, "lr": rate}, {"params": quick, "lr": 3 * rate}], out, "codec")

    def _synthetic(self, code_scale: Tensor, feature_scale: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            codes, features = synthetic_pairs(self.exact_generator, self.settings.synthetic, LEVEL, self.random)
            made = self.picture(features, codes).clamp(-1, 1)
        with torch.autocast(self.device.type, self.settings.precision):
            s, f = self.networks.gie(made)
        return (((s.float() - codes) / code_scale).square().mean(),
                ((f.float() - features) / feature_scale).square().mean())

    def entropy(self, out: Path) -> None:
        """Stage ``entropy``."""
        networks, rate, settings = self.networks, self.rate, self.settings
        minutes = settings.minutes
        qualities, semantics, features = self._collect(minutes * 60 * 0.5)
        parameters = list(rate.parameters()) + list(networks.sce.parameters())
        settings.minutes = minutes * 0.5

        def step() -> dict[str, Tensor]:
            chosen = torch.randint(len(qualities), (32,), generator=self.random).to(qualities.device)
            quality, semantic, y = qualities[chosen], semantics[chosen], features[chosen].float()
            width = networks.scn.step(quality).detach()
            semantic_bits = rate.semantic_bits(semantic + (torch.rand_like(semantic) - 0.5) * width, width)
            rounded = (semantic / width).round() * width
            log2_step = networks.fcn.step.log2(quality).detach()[:, :, None, None]
            _, bits = self._predict(y, networks.sce.start(rounded, quality), log2_step, None, True)
            self.seen += len(chosen)
            feature_bytes = bits.sum(1).mean() / 8
            semantic_bytes = semantic_bits.mean() / 8
            return {"semantic_bytes": semantic_bytes, "feature_bytes": feature_bytes,
                    "loss": (semantic_bytes + feature_bytes) / 100}

        self.run(step, [{"params": parameters, "lr": settings.learning_rate}], out, "entropy")

    @torch.no_grad()
    def _collect(self, seconds: float, versions: int = 3) -> tuple[Tensor, Tensor, Tensor]:
        """Latents of training faces, each at some random qualities, as many as the time allows."""
        networks = self.networks
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            image = self.real(8)
            with torch.autocast(self.device.type, self.settings.precision):
                s, f = networks.gie(image)
            semantic = networks.scn.encode(s.float())
            for _ in range(versions):
                quality = torch.rand(len(image), 1, generator=self.random).to(self.device)
                width = networks.scn.step(quality)
                base = self.prefix(networks.scn.decode((semantic / width).round() * width))
                found.append((quality, semantic, networks.fcn.encode(f.float(), base).bfloat16()))
        print(f"entropy: {len(found) * 8} latents of {len(found) * 8 // versions} faces", flush=True)
        qualities, semantics, features = (torch.cat(part) for part in zip(*found))
        return qualities, semantics, features

    # ------------------------------------------------------------------ measuring

    @torch.no_grad()
    def validate(self, qualities: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0), limit: int = 40) -> list[dict]:
        """Means at 256 px over ``limit`` held-out pictures, for S alone and each quality; bytes are estimates."""
        rows = []
        held = self.faces.held_out[:: 200 // limit]
        for quality in (None, *qualities):
            sums: dict[str, float] = {}
            for part in np.array_split(held, math.ceil(len(held) / 10)):
                image = self.faces.batch(part).to(self.device)
                n = len(image)
                count = torch.full((n,), 0 if quality is None else self.networks.fcn.slices, device=self.device)
                level = torch.full((n, 1), 0.5 if quality is None else quality, device=self.device)
                coded = self.code(image, level, count, noise=False)
                terms = self.loss(self.picture(coded["f_hat"], coded["s_hat"]), self.loss.target(image))
                terms["bytes"] = coded["semantic_bytes"] + coded["feature_bytes"]
                for key, value in terms.items():
                    sums[key] = sums.get(key, 0.0) + float(value.sum())
            rows.append({"quality": quality, **{key: value / len(held) for key, value in sums.items()}})
            print(json.dumps(rows[-1]), flush=True)
        return rows


@torch.no_grad()
def principal_components(rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Strongest directions of ``(N, D)`` rows about 0: basis ``(D, count)`` and deviations ``(count,)``."""
    gram = (rows.T.double() @ rows.double()) / len(rows)
    values, vectors = torch.linalg.eigh(gram)
    order = values.argsort(descending=True)[:count]
    return vectors[:, order].float(), values[order].clamp(min=1e-12).sqrt().float()


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


STAGES = ("preview", "inversion", "semantics", "codec", "entropy")


def run(
    stage: str, settings: Settings, shards: list[Path], out: Path, checkpoint: Path | None = None, device: str = "cpu"
) -> None:
    """One stage, from shards and a checkpoint to ``out/<stage>.safetensors``; held-out metrics last.

    Raises:
        WeightsError: the judges' networks are missing.
        HSCError: there is nothing to train on.
    """
    generator = Generator.load().to(device)
    if stage == "preview":
        from hsc.train import preview

        head = preview.fit(generator, settings.minutes, seed=settings.seed)
        save_file({name: value.half().contiguous() for name, value in head.state_dict().items()},
                  out / "preview.safetensors")
        return
    if not shards:
        raise HSCError("Training needs faces: name tar shards with --data.")
    faces = load_faces(shards, cache_dir() / "faces")
    trainer = Trainer(faces, settings, generator, PreviewHead.load())
    if checkpoint:
        trainer.load(checkpoint)
    getattr(trainer, stage)(out)
    if stage in ("codec", "entropy"):
        trainer.validate()
