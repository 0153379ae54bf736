"""Train the reduced learned codecs that the codec is compared with: time-boxed, resumable, on a CPU or an accelerator.

    python -m hsc.train.baselines elic --minutes 30 --data faces-00.tar --data faces-01.tar --out runs/elic
    python -m hsc.train.baselines elic --minutes 10 --from runs/elic --data faces-00.tar --out runs/elic
    python -m hsc.train.baselines elic --from runs/elic --export assets/weights/elic.safetensors
    python -m hsc.train.baselines hific --minutes 10 --from runs/hific --data faces-00.tar --out runs/hific --adversary
    python -m hsc.train.baselines labels --minutes 5 --data faces-00.tar --out runs/labels
    python -m hsc.train.baselines ms-illm --minutes 30 --weights assets/weights/hific.safetensors --labels runs/labels \
        --data faces-00.tar --out runs/ms-illm --adversary

HiFiC's recipe is its paper's: first rate and distortion alone, then with the adversary from those weights.
Distortion is 0.075 / 32 * MSE (of 0 ... 255) + LPIPS-Alex, the adversary's weight 0.15. The paper holds one
model at one rate by switching between two weights of the rate; here each of the rates has a weight of its
own, which rises while its files are too large and falls while they are too small. The others have the same but for
LPIPS: the mean squared error alone, as their authors train them.

MS-ILLM begins with the weights of HiFiC and, as its paper's, changes the decoder alone: encoder and entropy models stay
as they are, and so do rates. Its adversary (`hsc.train.local_likelihood`) needs an autoencoder that gives labels,
``labels``, which is trained first with the same distortion.

Half of the crops come from the faces of the tar files, enlarged to 1024 pixels, and half from the codec's own
generator, whose pictures have detail at that size.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor, nn

from hsc.baselines.hific import HiFiC
from hsc.baselines.reduced import ARCHITECTURES, Architecture
from hsc.cli.parameters import Device
from hsc.errors import HSCError, WeightsError
from hsc.generator import sample_codes
from hsc.imaging.alignment import SIZE as SIDE
from hsc.runtime.memory import keep_memory
from hsc.train.adversaries import LocalAdversary, PatchAdversary
from hsc.train.data import members, open_member
from hsc.train.local_likelihood import LabelAutoencoder, LabelConfig

PIECE = 15 << 20
"""Largest file of a checkpoint, in bytes."""
SAVE_SECONDS = 120
"""Between checkpoints: what a run that is killed loses."""
SLACK = 10.0
"""How many times its target a rate may be when training begins; that wears off in the first two fifths."""
FACES, CROPS_A_FACE = 16, 24
"""Generated faces that crops are taken from, and crops taken before one is replaced."""
HELD_OUT = 50
"""Evenly spread pictures of the tar files that are not trained on."""
_FEW, _FEW_RATE = ("log_gain", "density."), 20.0
_ODD = 10.0
"""How many times the usual loss a step's may be: latents out of the ordinary explode in inverse GDN."""
_MSE, _LPIPS = 0.075 / 32, 1.0
_LABELS = LabelConfig()
TRAINED = {
    **ARCHITECTURES,
    "labels": Architecture("labels", LabelAutoencoder, _LABELS, _LABELS.bpp, _LABELS.bpp, perceptual=True, codec=False),
}
"""By name: what there is to train, the codecs and what one of them needs for it."""


@dataclass
class Settings:
    """One run.

    Attributes:
        minutes: wall time; saving comes on top.
        adversary: whether D takes part.
        batch, crop: pictures a step, and their side in pixels.
        rate, discriminator_rate: learning rates; they fall to a tenth over the last half of the run.
        synthetic: share of crops that come from the generator.
    """

    minutes: float = 10.0
    adversary: bool = False
    batch: int = 8
    crop: int = 256
    rate: float = 3e-4
    discriminator_rate: float = 1e-4
    synthetic: float = 0.5
    seed: int = 0


@dataclass
class RateControl:
    """The weight of the rate at each of the model's rates, moved until each reaches its target.

    Attributes:
        targets: bits per pixel.
        log_weights: natural logarithms of what multiplies bits per pixel in the loss.
    """

    targets: list[float]
    log_weights: list[float] = field(default_factory=list)
    speed: float = 0.02

    def __post_init__(self) -> None:
        # More bits buy less and less: in an equilibrium the weight falls as the rate rises.
        self.log_weights = self.log_weights or [math.log(0.6 / target) for target in self.targets]

    @classmethod
    def between(cls, lowest: float, highest: float, count: int) -> RateControl:
        """Targets in equal ratios."""
        ratio = (highest / lowest) ** (1 / max(count - 1, 1))
        return cls([lowest * ratio**index for index in range(count)])

    def weight(self, index: int) -> float:
        """What multiplies bits per pixel."""
        return math.exp(self.log_weights[index])

    def update(self, index: int, bpp: float) -> None:
        """Take note of what was spent; a step of at most e^(2 * speed), so that one odd batch does little."""
        error = math.log(max(bpp, 1e-6) / self.targets[index])
        self.log_weights[index] += self.speed * min(max(error, -2.0), 2.0)


class Crops:
    """Random crops of faces at 1024 x 1024 pixels, decoded in the background."""

    def __init__(self, shards: list[Path], settings: Settings, generator: nn.Module | None):
        self.settings, self.generator = settings, generator
        self.files = [(f"{shard.stem}/{name}", data) for shard in sorted(shards) for name, data in members(shard)]
        if len(self.files) < 2 * HELD_OUT:
            raise HSCError(f"Training needs at least {2 * HELD_OUT} pictures; the tar files have {len(self.files)}.")
        spacing = len(self.files) // HELD_OUT
        self.held_out = self.files[::spacing][:HELD_OUT]
        self.training = [
            file for index, file in enumerate(self.files) if index % spacing or index // spacing >= HELD_OUT
        ]
        self.random = np.random.default_rng(settings.seed)
        self.latents = torch.Generator().manual_seed(settings.seed)
        self.made: list[Tensor] = []
        self.asked = 0

    def batches(self, device: torch.device) -> Iterator[Tensor]:
        """Without end: (B, 3, crop, crop) in [-1, 1]."""
        settings = self.settings
        made = round(settings.batch * settings.synthetic) if self.generator is not None else 0
        with ThreadPoolExecutor(8) as pool:
            ahead = [self._order(pool, settings.batch - made) for _ in range(3)]
            while True:
                ahead.append(self._order(pool, settings.batch - made))
                crops = [future.result() for future in ahead.pop(0)]
                batch = torch.from_numpy(np.stack(crops)).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
                yield torch.cat([batch, self._synthesise(made)]) if made else batch

    def _order(self, pool: ThreadPoolExecutor, count: int) -> list:
        picks = self.random.integers(len(self.training), size=count)
        places = self.random.random((count, 3))
        return [pool.submit(self._crop, self.training[pick], place) for pick, place in zip(picks, places)]

    def _crop(self, file: tuple[str, bytes], place: np.ndarray) -> np.ndarray:
        with open_member(*file) as image:
            image = image.convert("RGB")
        side = self.settings.crop
        left, top = (place[:2] * (SIDE - side)).astype(int)
        scale = image.width / SIDE
        box = (left * scale, top * scale, (left + side) * scale, (top + side) * scale)
        crop = np.asarray(image.resize((side, side), Image.Resampling.BICUBIC, box=box))
        return crop[:, ::-1].copy() if place[2] < 0.5 else crop

    @torch.no_grad()
    def _synthesise(self, count: int) -> Tensor:
        """Crops of generated faces: a face costs more than its crops, so each serves for a while."""
        self.asked += count
        while self.asked >= CROPS_A_FACE or not self.made:
            self.asked -= CROPS_A_FACE
            picture = self.generator(sample_codes(self.generator, 1, self.latents))[0].clamp(-1, 1)
            self.made = [*self.made[1 - FACES :], picture]
        side, crops = self.settings.crop, []
        for index in self.random.integers(len(self.made), size=count):
            left, top = self.random.integers(SIDE - side + 1, size=2)
            crops.append(self.made[index][:, top : top + side, left : left + side])
        return torch.stack(crops)


class Trainer:
    """Model, adversary and rate control, and the steps that train them.

    Args:
        settings: of this run.
        config: sizes of the model; by default those of the shipped weights.
        architecture: what is trained.
        labels: for MS-ILLM's adversary, trained before.
    """

    def __init__(
        self,
        settings: Settings,
        config: Any = None,
        device: str | torch.device = "cpu",
        architecture: Architecture = ARCHITECTURES["hific"],
        labels: LabelAutoencoder | None = None,
    ):
        from hsc.metrics.lpips import LPIPS

        torch.manual_seed(settings.seed)
        self.settings, self.device, self.architecture = settings, torch.device(device), architecture
        config = config or architecture.config
        # Channels last: half the time of a step on a CPU, where the norms of the channels were most of it.
        self.model = architecture.model(config).to(self.device, memory_format=torch.channels_last)
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(not name.startswith(architecture.fixed))
        self.adversary: PatchAdversary | LocalAdversary | None = None
        if architecture.adversary == "patch":
            self.adversary = PatchAdversary(config)
        elif architecture.adversary == "local" and labels is not None:
            self.adversary = LocalAdversary(config, labels.to(self.device, memory_format=torch.channels_last))
        if self.adversary is not None:
            self.adversary.discriminator.to(self.device, memory_format=torch.channels_last)
        self.control = RateControl.between(architecture.lowest, architecture.highest, config.rates)
        self.lpips = LPIPS.load("alex").to(self.device)
        self.slack = 1.0
        self.begun = False
        self.usual = math.inf
        self.steps = 0
        self.minutes = 0.0
        self.cpu_minutes = 0.0

    @property
    def parts(self) -> dict[str, nn.Module]:
        """Networks that a checkpoint holds."""
        parts = {"model": self.model}
        if self.adversary is not None:
            parts["discriminator"] = self.adversary.discriminator
        if isinstance(self.adversary, LocalAdversary):
            parts["labels"] = self.adversary.labels
        return parts

    def labelling(self) -> LabelAutoencoder:
        """The model, where it is one that gives labels.

        Raises:
            WeightsError: it is another.
        """
        if not isinstance(self.model, LabelAutoencoder):
            raise WeightsError(f"That checkpoint is of {self.architecture.name}, not of labels.")
        return self.model

    def take_weights(self, path: Path) -> None:
        """Begin with all weights of a HiFiC as the codec loads them.

        Raises:
            WeightsError: there is no such file, or it holds another model.
        """
        from hsc.baselines import hific

        try:
            self.model.load_state_dict(hific.load(path).model.state_dict())
        except RuntimeError as error:
            raise WeightsError(f"{path.name} holds a model of other sizes than {self.architecture.name}.") from error
        self.begun = True

    def take_transforms(self, other: Trainer) -> None:
        """Begin with the transforms, gains and weights of the rate of a model of another architecture.

        Raises:
            WeightsError: its transforms or rates are others.
        """
        state = other.model.state_dict()
        own = {name: value for name, value in state.items() if name.startswith(("encoder.", "decoder.", "log_gain"))}
        try:
            unknown = self.model.load_state_dict(own, strict=False).unexpected_keys
        except RuntimeError as error:
            unknown = [str(error)]
        if unknown or other.control.targets != self.control.targets:
            raise WeightsError(f"{other.architecture.name} has other transforms than {self.architecture.name}.")
        self.control.log_weights = list(other.control.log_weights)
        self.begun = True

    def run(self, batches: Iterator[Tensor], folder: Path | None = None) -> list[dict[str, float]]:
        """Train until the time is over.

        Args:
            batches: see `Crops.batches`.
            folder: where a checkpoint is written every `SAVE_SECONDS` and at the end.

        Returns:
            A line of means for each report.
        """
        settings, log, sums, count = self.settings, [], {}, 0
        # Gains and densities are few numbers on a logarithmic scale that have far to go.
        moved = {name: value for name, value in self.model.named_parameters() if value.requires_grad}
        few = [parameter for name, parameter in moved.items() if name.startswith(_FEW)]
        many = [parameter for name, parameter in moved.items() if not name.startswith(_FEW)]
        groups = [{"params": many, "factor": 1.0}, {"params": few, "factor": _FEW_RATE}]
        optimiser = torch.optim.Adam(groups, settings.rate, betas=(0.9, 0.99))
        adversary = None
        if settings.adversary and self.adversary is not None:
            critic = self.adversary.discriminator.parameters()
            adversary = torch.optim.Adam(critic, settings.discriminator_rate, betas=(0.5, 0.99))
        # As in the paper, files may be larger at first: what never held anything is not missed.
        loose = 1.0 if self.begun else SLACK
        before, cpu_before = self.minutes, self.cpu_minutes - time.process_time() / 60
        start = reported = saved = time.monotonic()
        while (spent := time.monotonic() - start) < 60 * settings.minutes:
            done = spent / (60 * settings.minutes)
            for each, rate in ((optimiser, settings.rate), (adversary, settings.discriminator_rate)):
                for group in each.param_groups if each is not None else ():
                    group["lr"] = rate * _schedule(done) * group.get("factor", 1.0)
            self.slack = loose ** max(0.0, 1 - done / 0.4)
            for name, value in self.step(next(batches), optimiser, adversary).items():
                sums[name] = sums.get(name, 0.0) + value
            count += 1
            self.steps += 1
            if time.monotonic() - reported > 15 or done == 0:
                log.append({"step": self.steps, **{name: value / count for name, value in sums.items()}})
                print(json.dumps({name: round(value, 4) for name, value in log[-1].items()}), flush=True)
                sums, count, reported = {}, 0, time.monotonic()
            if folder is not None and time.monotonic() - saved > SAVE_SECONDS:
                self.minutes = before + min((time.monotonic() - start) / 60, settings.minutes)
                self.cpu_minutes = cpu_before + time.process_time() / 60
                self.save(folder)
                saved = time.monotonic()
        self.minutes = before + settings.minutes
        self.cpu_minutes = cpu_before + time.process_time() / 60
        if folder is not None:
            self.save(folder)
        return log

    def step(self, image: Tensor, optimiser, adversary) -> dict[str, float]:
        """One step of both networks on (B, 3, H, W) in [-1, 1]."""
        rates = self.model.config.rates
        index = int(torch.randint(rates, (1,)))
        with torch.autocast(self.device.type, torch.bfloat16):
            out = self.model(image, index / max(rates - 1, 1))
        restored, pixels = out["image"].float(), image.shape[-1] * image.shape[-2]
        bpp = ((out["bits"] + out["side_bits"]).float() / pixels).mean()
        squared = ((restored - image) * 127.5).square().mean()
        loss = _MSE * squared + out.get("penalty", 0.0)
        if bpp.requires_grad:  # else nothing that is trained has a say in the rate
            loss = loss + self.control.weight(index) / self.slack * bpp
        spent = bpp.item()
        logs = {"bpp": spent, "psnr": 10 * math.log10(255**2 / max(squared.item(), 1e-3))}
        if self.architecture.perceptual:
            with torch.autocast(self.device.type, torch.bfloat16):
                lpips = self.lpips(restored, image).float().mean()
            loss = loss + _LPIPS * lpips
            logs["lpips"] = lpips.item()
        logs["loss"] = loss.item()
        latent = out["latent"].detach().float()
        if self.settings.adversary:
            self.adversary.discriminator.requires_grad_(False)
            with torch.autocast(self.device.type, torch.bfloat16):
                fooled = self.adversary.fooled(restored, image, latent)
            self.adversary.discriminator.requires_grad_(True)
            loss = loss + self.adversary.weight * fooled
            logs["fooled"] = fooled.item()
        value = loss.item()
        odd = not value < _ODD * self.usual
        if math.isfinite(value):
            self.usual = value if self.usual == math.inf else 0.95 * self.usual + 0.05 * min(value, _ODD * self.usual)
        if not odd:
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            optimiser.step()
            if bpp.requires_grad:
                self.control.update(index, spent / self.slack)
        if self.settings.adversary:
            with torch.autocast(self.device.type, torch.bfloat16):
                told_apart = self.adversary.told_apart(restored.detach(), image, latent)
            if math.isfinite(told_apart.item()):
                adversary.zero_grad(set_to_none=True)
                told_apart.backward()
                adversary.step()
            logs["told_apart"] = told_apart.item()
        return logs

    @torch.no_grad()
    def validate(self, files: list[tuple[str, bytes]], limit: int = 8) -> list[dict[str, float]]:
        """Estimated rate, LPIPS-Alex and PSNR at 1024 on pictures that were kept out, for every rate."""
        self.model.eval()
        rows = []
        for index in range(self.model.config.rates):
            sums = np.zeros(3)
            for file in files[:limit]:
                image = _whole(*file).to(self.device)
                out = self.model(image, index / max(self.model.config.rates - 1, 1))
                restored = out["image"].clamp(-1, 1)
                squared = float(((restored - image) * 127.5).square().mean())
                sums += [float(out["bits"] + out["side_bits"]) / SIDE**2, float(self.lpips(restored, image)),
                         10 * math.log10(255**2 / squared)]  # fmt: skip
            bpp, lpips, psnr = sums / len(files[:limit])
            rows.append({"rate": index, "bpp": bpp, "bytes": bpp * SIDE**2 / 8, "lpips": lpips, "psnr": psnr})
        self.model.train()
        return rows

    def save(self, folder: Path) -> None:
        """Write a checkpoint: pieces of at most `PIECE` bytes, and what else is needed in ``state.json``.

        Pieces have the step in their names and ``state.json`` comes last, so that a run that is killed here leaves the
        checkpoint before.
        """
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        tensors: dict[str, Tensor] = {}
        for part, network in self.parts.items():
            tensors.update({f"{part}.{name}": value for name, value in network.state_dict().items()})
        pieces: list[dict[str, Tensor]] = [{}]
        size = 0
        for name, value in tensors.items():
            value = value.detach().cpu().contiguous()
            if size + value.nbytes > PIECE and pieces[-1]:
                pieces.append({})
                size = 0
            pieces[-1][name] = value
            size += value.nbytes
        names = [f"{self.architecture.name}-{self.steps}-{index}.safetensors" for index in range(len(pieces))]
        state = {"config": asdict(self.model.config), "control": asdict(self.control), "pieces": names,
                 "steps": self.steps, "minutes": self.minutes, "cpu_minutes": self.cpu_minutes,
                 "architecture": self.architecture.name}  # fmt: skip
        if isinstance(self.adversary, LocalAdversary):
            state["labels"] = asdict(self.adversary.labels.config)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".save-") as temporary:
            for name, piece in zip(names, pieces):
                save_file(piece, Path(temporary) / name)
            (Path(temporary) / "state.json").write_text(json.dumps(state, indent=1))
            for name in (*names, "state.json"):
                os.replace(Path(temporary) / name, folder / name)
        for path in folder.glob(f"{self.architecture.name}-*.safetensors"):
            if path.name not in names:
                path.unlink()

    @classmethod
    def load(cls, folder: Path, settings: Settings, device: str | torch.device = "cpu") -> Trainer:
        """Go on from what `save` wrote; the optimisers start anew.

        Raises:
            WeightsError: there is no such checkpoint, or it is damaged.
        """
        from safetensors.torch import load_file

        try:
            state = json.loads((folder / "state.json").read_text())
            tensors: dict[str, Tensor] = {}
            for name in state["pieces"]:
                tensors.update(load_file(folder / name))
            architecture = TRAINED[state.get("architecture", "hific")]
            labels = LabelAutoencoder(TRAINED["labels"].restored_config(state["labels"])) if "labels" in state else None
            trainer = cls(settings, architecture.restored_config(state["config"]), device, architecture, labels)
            for name, network in trainer.parts.items():
                part = {key[len(name) + 1 :]: value for key, value in tensors.items() if key.startswith(f"{name}.")}
                network.load_state_dict(part)
            trainer.control = RateControl(**state["control"])
            trainer.begun = state["steps"] > 0
            trainer.steps, trainer.minutes = state["steps"], state["minutes"]
            trainer.cpu_minutes = state.get("cpu_minutes", 0.0)
            return trainer
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise WeightsError(f"{folder} does not hold a checkpoint of this program.") from error


def _schedule(done: float) -> float:
    """Learning rate over its largest: a short rise, level, then down to a tenth over the last half."""
    return min(done / 0.02 + 0.05, 1.0) * (1.0 if done < 0.5 else 10 ** (-2 * (done - 0.5)))


def _whole(name: str, data: bytes) -> Tensor:
    """(1, 3, 1024, 1024) in [-1, 1]."""
    with open_member(name, data) as image:
        picture = np.array(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1


def _refuse(wanted: Architecture, adversary: bool, weights, start, labels, export) -> None:
    """Options that an architecture has no use for, and those that it cannot do without.

    Raises:
        click.UsageError: there is such an option.
    """
    if adversary and wanted.adversary is None:
        raise click.UsageError(f"{wanted.name} is trained without an adversary")
    if weights and wanted.model is not HiFiC:
        raise click.UsageError(f"{wanted.name} cannot begin with weights of HiFiC")
    if wanted.fixed and not (start or weights):
        raise click.UsageError(f"{wanted.name} needs --weights: it changes the decoder of a trained HiFiC")
    if labels and wanted.adversary != "local":
        raise click.UsageError(f"{wanted.name} has no use for --labels")
    if export and not wanted.codec:
        raise click.UsageError(f"{wanted.name} is no codec: there is nothing to export")


@click.command()
@click.argument("architecture", type=click.Choice(list(TRAINED)))
@click.option("--minutes", type=float, default=0.0, help="Train for so long.")
@click.option("--data", type=click.Path(path_type=Path, dir_okay=False), multiple=True, help="Tar file of faces.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the checkpoint.")
@click.option("--from", "start", type=click.Path(path_type=Path, file_okay=False), help="Checkpoint to go on from.")
@click.option(
    "--transforms",
    type=click.Path(path_type=Path, file_okay=False),
    help="Checkpoint of another architecture with the same transforms, to begin with those.",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Weights of HiFiC to begin with, as the codec loads them; ms-illm needs them.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path, file_okay=False),
    help="Checkpoint of labels, for the adversary of ms-illm.",
)
@click.option("--adversary", is_flag=True, help="With the discriminator; hific begins without.")
@click.option("--batch", default=8, show_default=True, type=click.IntRange(1))
@click.option("--synthetic", default=0.5, show_default=True, type=click.FloatRange(0, 1))
@click.option("--rate", default=3e-4, show_default=True, help="Learning rate.")
@click.option("--discriminator-rate", default=1e-4, show_default=True, help="That of the discriminator.")
@click.option("--device", type=Device(), default="cpu", show_default=True)
@click.option("--export", type=click.Path(path_type=Path, dir_okay=False), help="Write weights that the codec loads.")
def main(
    architecture, minutes, data, out, start, transforms, weights, labels, adversary, batch, synthetic, rate,
    discriminator_rate, device, export,
) -> None:  # fmt: skip
    """Train a reduced learned codec, or export what was trained."""
    keep_memory()
    settings = Settings(
        minutes, adversary, batch, rate=rate, discriminator_rate=discriminator_rate, synthetic=synthetic
    )
    try:
        wanted = TRAINED[architecture]
        _refuse(wanted, adversary, weights, start, labels, export)
        known = Trainer.load(labels, settings, device).labelling() if labels else None
        if start:
            trainer = Trainer.load(start, settings, device)
        else:
            trainer = Trainer(settings, device=device, architecture=wanted, labels=known)
        if trainer.architecture is not wanted:
            raise click.UsageError(f"{start} holds a checkpoint of {trainer.architecture.name}, not of {architecture}")
        if adversary and trainer.adversary is None:
            raise click.UsageError(f"{architecture} needs --labels for its adversary")
        if transforms:
            trainer.take_transforms(Trainer.load(transforms, settings))
        if weights:
            trainer.take_weights(weights)
        settings.seed = trainer.steps  # a run that goes on sees other crops
        if minutes > 0:
            if not data or out is None:
                raise click.UsageError("training needs --data and --out")
            generator = None
            if synthetic > 0:
                from hsc.generator import Generator

                generator = Generator.load().to(device).eval().requires_grad_(False)
            crops = Crops(list(data), settings, generator)
            trainer.run(crops.batches(torch.device(device)), out)
            for row in trainer.validate(crops.held_out):
                print(json.dumps({name: round(value, 4) for name, value in row.items()}), flush=True)
        if export:
            from hsc.baselines.reduced_files import save

            note = {"steps": str(trainer.steps), "minutes": f"{trainer.minutes:.1f}"}
            save(trainer.model, wanted, export, note)
            click.echo(f"{export}: {export.stat().st_size / 2**20:.2f} MiB")
    except (HSCError, OSError, SafetensorError) as error:
        refusal = click.ClickException(str(error))
        refusal.exit_code = 2  # as everything that a user can put right
        raise refusal from error


if __name__ == "__main__":
    main()
