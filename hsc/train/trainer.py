"""What all training stages share: judges, data, the networks that learn, and their moving average."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hsc.coding import differentiable
from hsc.encoder.learned_refinement import learned_offsets
from hsc.encoder.objective import DistortionGradient
from hsc.encoder.presets import DEFAULT
from hsc.errors import HSCError
from hsc.generator import SIZE, Generator, crops, sample_codes
from hsc.generator.preview_head import PREVIEW_LEVEL, PREVIEW_SIZE, PreviewHead
from hsc.networks.entropy_tables import EntropyTables
from hsc.networks.hsc_networks import HSCNetworks
from hsc.train.data import Faces, generated_faces, synthetic_pairs, to_pictures
from hsc.train.losses import PictureLoss
from hsc.train.rate import RateModel, add_noise
from hsc.weights import cache_dir, codec_state, metadata, read, save_tensors

WINDOW = 40
"""Side of the windows through which texture is judged, see :mod:`hsc.generator.crops`."""
GENERATED = 800
"""Faces of the generator that batches draw from."""


@dataclass
class Settings:
    """What a run may vary; everything else is the program's."""

    minutes: float
    batch: int = 4
    synthetic: int = 4
    """Faces of the generator beside the photos of a batch."""
    levels: int = 2
    """Levels of F."""
    detail: bool = False
    """Whether there are networks of detail."""
    learning_rate: float = 8e-4
    seed: int = 0
    precision: torch.dtype = torch.bfloat16
    report: int = 50
    """Steps between two lines of the log."""

    @property
    def with_half(self) -> int:
        """Photos of a batch that are judged at 512 px too, through a window."""
        return -(-3 * self.batch // 4)


@dataclass(frozen=True)
class Batch:
    """Faces to be coded, those with most detail first.

    Attributes:
        pictures: all of them, ``(B, 3, 256, 256)``.
        large: the first of them, ``(L, 3, 1024, 1024)``.
        halves: those that come next, ``(H, 3, 512, 512)``.
    """

    pictures: Tensor
    large: Tensor
    halves: Tensor

    @classmethod
    def of_photos(cls, pictures: Tensor, halves: Tensor) -> Batch:
        """Without generated faces."""
        return cls(pictures, pictures.new_empty(0, 3, SIZE, SIZE), halves)

    @property
    def fine(self) -> int:
        """How many have more than 256 px."""
        return len(self.large) + len(self.halves)


@dataclass(frozen=True)
class Coded:
    """A batch of photos before and after coding.

    Attributes:
        s: S ``(B, 16, 512)`` as the encoder sees it.
        soft: what the decoder has of both.
        semantic_bytes, feature_bytes: ``(B,)``, estimated, of what is received.
    """

    s: Tensor
    soft: differentiable.CodedLatents
    semantic_bytes: Tensor
    feature_bytes: Tensor


class Trainer:
    """Frozen judges, the networks that learn, and their moving average."""

    def __init__(self, faces: Faces, settings: Settings, generator: Generator, preview: PreviewHead) -> None:
        device = generator.input.device
        torch.manual_seed(settings.seed)
        self.faces, self.settings = faces, settings
        self.exact_generator = generator
        self.generator = Generator().to(device)
        self.generator.load_state_dict(generator.state_dict())
        self.generator.requires_grad_(False).to(settings.precision)
        self.preview = preview.to(device, settings.precision)
        self.loss = PictureLoss(settings.precision).to(device)
        networks = HSCNetworks(settings.levels, settings.detail)
        self.model = nn.ModuleDict({"networks": networks, "rate": RateModel()}).to(device)
        self.remember()
        self._begin(seen=0)

    def _begin(self, seen: int) -> None:
        """Random numbers of a run that follows one which has ``seen`` so many faces: other ones than in that."""
        self.seen = seen
        torch.manual_seed(self.settings.seed + seen)
        self.random = torch.Generator().manual_seed(self.settings.seed + seen)
        self.numpy = np.random.default_rng([self.settings.seed, seen])

    @property
    def networks(self) -> HSCNetworks:
        return cast(HSCNetworks, self.model["networks"])

    @property
    def rate(self) -> RateModel:
        return cast(RateModel, self.model["rate"])

    @property
    def device(self) -> torch.device:
        return self.exact_generator.input.device

    def load(self, path: Path) -> None:
        """Continue from a checkpoint or a folder of exported weights; a level, updater or detail that they lack is new.

        The density of S, which exported weights lack, is fitted to their frequency tables.

        Raises:
            WeightsError: nothing of that kind can be read.
            HSCError: it is of other networks.
        """
        if path.is_dir():
            exported = codec_state(path)
            if self.networks.detail is None:
                exported = {key: value for key, value in exported.items() if not key.startswith("detail")}
            tables = {
                name[len("tables.") :]: exported.pop(name) for name in list(exported) if name.startswith("tables.")
            }
            state = {f"networks.{name}": value for name, value in exported.items()}
        else:
            state = read(path)
        own = self.model.state_dict()
        needed = {f"networks.{name}" for name in HSCNetworks(levels=1).state_dict() if not name.startswith("updater.")}
        if not needed <= state.keys() <= own.keys() or any(own[name].shape != state[name].shape for name in state):
            raise HSCError(f"{path.name} is not a checkpoint of networks with {len(self.networks.levels)} levels of F.")
        self.model.load_state_dict({name: value.to(own[name].dtype) for name, value in state.items()}, strict=False)
        if path.is_dir():
            self._fit_density(path, tables)
        self._begin(0 if path.is_dir() else int(metadata(path).get("seen", 0)))
        self.remember()

    def _fit_density(self, path: Path, state: dict[str, Tensor]) -> None:
        try:
            tables = EntropyTables.from_state(state).semantic
            excess = self.rate.cpu().fit_tables(self.networks.scn.cpu(), tables)
        except (KeyError, ValueError, IndexError) as error:
            raise HSCError(f"{path} has no frequency tables of this model.") from error
        print(f"density of S: {excess - 1:.2%} more bytes than with the tables that it was fitted to", flush=True)
        self.model.to(self.device)

    def remember(self) -> None:
        """Start the moving average from the networks as they are."""
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}

    def save(self, path: Path) -> None:
        """The moving average, as float32 safetensors, replaced in one step."""
        save_tensors(self.average, path, {"seen": str(self.seen)})

    def batch(self, count: int, with_half: int = 0, generated: int = 0) -> Batch:
        """Training faces, mirrored at random: ``count`` photos, ``with_half`` of them with 512 px, and generated ones.

        Fewer with 512 px where ``count`` or the shards have fewer.
        """
        known = np.intersect1d(self.faces.with_half, self.faces.training)
        first = self.numpy.choice(known, min(with_half, count, len(known)), replace=False)
        others = np.setdiff1d(self.faces.training, first)
        rest = self.numpy.choice(others, count - len(first), replace=False)
        flip = self.numpy.random(count) < 0.5
        pictures = self.faces.batch(np.concatenate((first, rest)), flip, self.device)
        pixels = self.faces.half(first, flip[: len(first)], self.device)
        if not generated:
            return Batch.of_photos(pictures, pixels)
        chosen = np.sort(self.numpy.choice(GENERATED, generated, replace=False))
        large = to_pictures(self.generated[chosen], self.numpy.random(generated) < 0.5, self.device)
        return Batch(torch.cat((F.avg_pool2d(large, SIZE // PREVIEW_SIZE), pictures)), large, pixels)

    @cached_property
    def generated(self) -> np.ndarray:
        """uint8 ``(GENERATED, 1024, 1024, 3)``."""
        return generated_faces(self.exact_generator, GENERATED, cache_dir() / "faces")

    def prepare_generated(self) -> None:
        """Make the generated faces now, or read them from the cache."""
        _ = self.generated

    def synthetic(self, count: int) -> tuple[Tensor, list[Tensor], Tensor]:
        """Codes ``(count, 16, 512)``, features at each level, and the previews that they give."""
        with torch.no_grad():
            codes, features = synthetic_pairs(self.exact_generator, count, self.networks.levels, self.random)
            return codes, features, self.head(self.middle(features, codes), codes).clamp(-1, 1)

    @torch.no_grad()
    def scales(self) -> tuple[Tensor, list[Tensor]]:
        """Standard deviation of S about its mean, and of F at each level."""
        codes = sample_codes(self.exact_generator, 512, self.random, mixing=0)
        code_scale = (codes[:, 0] - self.networks.gie.mean).square().mean().sqrt()
        return code_scale, [self.synthesize_features(codes[:32], level).std() for level in self.networks.levels]

    def invert(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """GIE in reduced precision: ``(B, 3, 256, 256)`` to S and F at each level, float32."""
        with torch.autocast(self.device.type, self.settings.precision):
            s, features = self.networks.gie(image)
        return s.float(), [each.float() for each in features]

    def synthesize_features(self, codes: Tensor, level: int, features: Tensor | None = None, start: int = 0) -> Tensor:
        """G_s in reduced precision, with float32 at both ends."""
        kind = self.settings.precision
        given = features if features is None else features.to(kind)
        return self.generator.synthesize_features(codes.to(kind), level, given, start).float()

    def middle(self, features: list[Tensor], codes: Tensor) -> Tensor:
        """F and codes to features at the preview's level, in reduced precision."""
        kind = self.settings.precision
        return self.generator.synthesize_features(
            codes.to(kind), PREVIEW_LEVEL, features[-1].to(kind), self.networks.levels[-1]
        )

    def head(self, middle: Tensor, codes: Tensor) -> Tensor:
        """Features of :meth:`middle` to previews ``(B, 3, 256, 256)`` float32."""
        return self.preview(middle, codes.to(middle.dtype)).float()

    def texture(self, middle: Tensor, codes: Tensor, batch: Batch, side: int = WINDOW) -> Tensor:
        """LPIPS through a random window of the full picture, ``(batch.fine,)``.

        Of photos at their 512 px: enlarged ones would teach a blur. Of generated faces at 1024 px too, half and half.
        """
        place = tuple(torch.randint(0, crops.corners(side), (2,), generator=self.random).tolist())
        middle, codes = middle[: batch.fine], codes[: batch.fine].to(middle.dtype)
        made = crops.render(self.generator, crops.surroundings(middle, place, side), codes, place).float()
        large = crops.cut(batch.large, place, side)
        halves = torch.cat((F.avg_pool2d(large, 2), crops.cut(batch.halves, place, side)))
        seen = self.loss.lpips_only(F.avg_pool2d(made, 2), halves)
        if not len(large):
            return seen
        full = self.loss.lpips_only(made[: len(large)], large)
        return torch.cat(((seen[: len(large)] + full) / 2, seen[len(large) :]))

    def code(
        self, target: dict, batch: Batch, quality: Tensor, count: Tensor, passes: int, noise: bool = True
    ) -> Coded:
        """Photos to what the decoder will have of them.

        Args:
            target: of :meth:`hsc.train.losses.PictureLoss.target`, for the batch's pictures.
            quality: ``(B, 1)`` in [0, 1].
            count: ``(B,)`` feature slices that are received.
            passes: learned steps of refinement.
            noise: estimate bits from noise, not from rounding.
        """
        networks = self.networks
        s, features = self.invert(target["picture"])
        coefficients, encoders = self.refined(target, batch, s, features, quality, count, passes)
        step = networks.scn.step(quality)
        scaled = coefficients / step
        semantic_bits = self.rate.semantic_bits((add_noise(scaled) if noise else scaled.round()) * step, step)
        coded = differentiable.simulate_coding(
            networks, self.synthesize_features, coefficients, encoders, quality, count, noise, self.rate.slice_bits
        )
        received = torch.arange(coded.bits.shape[1], device=count.device) < count[:, None]
        return Coded(s, coded, semantic_bits / 8, (coded.bits * received).sum(1) / 8)

    def refined(
        self,
        target: dict,
        batch: Batch,
        s: Tensor,
        features: list[Tensor],
        quality: Tensor,
        count: Tensor,
        passes: int,
    ) -> tuple[Tensor, Sequence[Callable[[Tensor], Tensor]]]:
        """Coefficients of S, and of F at each level as functions of the base, after learned steps of refinement."""
        networks, weights = self.networks, DEFAULT.preview_distortion
        coefficients = networks.scn.encode(s)
        encoders = [partial(fcn.encode, feature) for fcn, feature in zip(networks.fcn, features)]

        def look(coded: differentiable.CodedLatents) -> DistortionGradient:
            feature, codes = (tensor.detach().requires_grad_(True) for tensor in (coded.features[-1], coded.codes))
            middle = self.middle([feature], codes)
            picture = self.head(middle, codes)
            distortion = self.loss.visible(picture, target).sum()
            if batch.fine:
                texture = self.texture(middle, codes, batch, weights.window)
                distortion = distortion + weights.texture * texture.sum()
            return DistortionGradient(picture.detach(), *torch.autograd.grad(distortion, (feature, codes)))

        def update(*seen: Tensor | list[Tensor]) -> list[Tensor]:
            with torch.autocast(self.device.type, self.settings.precision):
                return networks.updater(*seen)

        first, *others = learned_offsets(
            networks,
            self.synthesize_features,
            look,
            update,
            target["picture"],
            coefficients,
            encoders,
            quality,
            count,
            passes,
        )
        return coefficients + first, differentiable.with_offsets(encoders, others)

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
            recent.append({key: value.detach() for key, value in terms.items()})
            if steps % settings.report == 0:
                # A step need not have every term.
                means = {
                    key: float(torch.stack([r[key] for r in recent if key in r]).mean())
                    for key in dict.fromkeys(key for r in recent for key in r)
                }
                recent = []
                print(
                    f"{name} step {steps} seen {self.seen} {share:.0%} "
                    + " ".join(f"{key} {value:.4f}" for key, value in means.items()),
                    flush=True,
                )
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

    @torch.no_grad()
    def validate(
        self,
        qualities: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 255 / 256),
        limit: int = 40,
        passes: int = DEFAULT.refinement.max_learned,
    ) -> list[dict]:
        """Means over ``limit`` held-out pictures, for S alone and each quality, after some learned steps of refinement.

        At 256 px; ``lpips_1024`` over those of them that have 512 px. Bytes are estimates.
        """
        rows = []
        held = self.faces.held_out[:: 200 // limit]
        for quality in (None, *qualities):
            sums: dict[str, float] = {}
            full: list[float] = []
            for part in np.array_split(held, math.ceil(len(held) / 10)):
                # Those with more detail first, as in training.
                part = part[np.argsort(~np.isin(part, self.faces.with_half), kind="stable")]
                fine = int(np.isin(part, self.faces.with_half).sum())
                image = self.faces.batch(part, device=self.device)
                pixels = self.faces.half(part[:fine], device=self.device)
                n, batch = len(image), Batch.of_photos(image, pixels)
                count = torch.full((n,), 0 if quality is None else self.networks.layers, device=self.device)
                level = torch.full((n, 1), 0.5 if quality is None else quality, device=self.device)
                target = self.loss.target(image)
                coded = self.code(target, batch, level, count, passes, noise=False)
                codes = coded.soft.codes
                middle = self.middle(coded.soft.features, codes)
                terms = self.loss(self.head(middle, codes), target)
                terms["bytes"] = coded.semantic_bytes + coded.feature_bytes
                for index in range(fine):
                    one = slice(index, index + 1)
                    made = self.generator.synthesize_image(
                        middle[one], codes[one].to(middle.dtype), PREVIEW_LEVEL
                    ).float()
                    full.append(float(self.loss.lpips_only(made, self.faces.large(part[[index]]).to(self.device))))
                for key, value in terms.items():
                    sums[key] = sums.get(key, 0.0) + float(value.sum())
            rows.append({"quality": quality, **{key: value / len(held) for key, value in sums.items()}})
            if full:
                rows[-1]["lpips_1024"] = float(np.mean(full))
            print(json.dumps(rows[-1]), flush=True)
        return rows
