"""Learned codecs that run on weights a user has: CompressAI's models, and MS-ILLM.

Where weights are looked for: in the folder that ``HSC_BASELINES`` names (default: ``baselines`` in the cache
of hsc), under names such as ``cheng2020-3.safetensors`` for quality 3; and, for models of CompressAI's own
zoo, among what its `pretrained=True` has downloaded before (torch hub's checkpoints). Nothing is downloaded
here. Files of torch are read with ``weights_only``, so that they can hold tensors and nothing else.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from hsc.baselines.pixels import check_pixels, read_varint, seal, to_rgb, unseal, varint
from hsc.baselines.protocol import NO_WEIGHTS, BaselineError, ImageCodec
from hsc.baselines.weights_folder import read_weights, weights_folder
from hsc.errors import HSCError, WeightsError
from hsc.runtime import packages

_SUFFIXES = (".safetensors", ".pth.tar", ".pth", ".pt")
_LARGEST_SIDE = 1 << 13


class LearnedCodec(ImageCodec):
    """One network for each of a few qualities; a file says which, and how large the picture is.

    A file is: one byte of quality, width and height (LEB128), the number of streams (one byte), the length of
    all but the last (LEB128), the streams, and two bytes of checksum.

    Args:
        folder: of the weights; by default `weights_folder()`.

    Attributes:
        qualities: largest number of qualities.
        multiple: the network's input sides are padded to it.
        low, high: range of the network's pixels.
    """

    kind = "learned"
    qualities: int = 8
    multiple: int = 64
    low, high = 0.0, 1.0

    def __init__(self, folder: Path | None = None):
        self._folder = folder
        self._networks: dict[int, nn.Module] = {}

    # What a family defines.

    def build(self, state: dict[str, Tensor]) -> nn.Module:
        """The network of these weights, ready to compress; may raise anything on foreign ones."""
        raise NotImplementedError

    def compress(self, network: nn.Module, image: Tensor) -> list[bytes]:
        """Streams of (1, 3, H, W) in [low, high]."""
        return [stream for (stream,) in network.compress(image)["strings"]]

    def decompress(self, network: nn.Module, streams: list[bytes], size: tuple[int, int]) -> Tensor:
        """(1, 3, H, W) in [low, high], from the padded size (H, W)."""
        shape = tuple(side // self.multiple for side in size)
        return network.decompress([[stream] for stream in streams], shape)["x_hat"]

    def hub_file(self, quality: int) -> Path | None:
        """What the family's own zoo has downloaded for a quality, or None."""
        return None

    # What all have in common.

    def available(self) -> str | None:
        # Importing it takes seconds and a hundred megabytes, for weights that are mostly not there.
        reason = packages.missing("compressai")
        if reason:
            return reason
        try:
            files = self.files()
            if not files:
                return (
                    f"{NO_WEIGHTS}: put {self.key}-1.safetensors (or .pth) to {self.key}-"
                    f"{self.qualities} into the folder that HSC_BASELINES names"
                )
            self._network(min(files))  # one is enough to tell, and each takes time and memory
        except HSCError as error:
            return str(error)
        return None

    def description(self) -> str:
        digests = [hashlib.sha256(path.read_bytes()).hexdigest()[:8] for path in self.files().values()]
        return f"weights {' '.join(digests)}, files with checksum"

    def files(self) -> dict[int, Path]:
        """Weights by quality."""
        found = {}
        for quality in range(1, self.qualities + 1):
            candidates = [self._where() / f"{self.key}-{quality}{suffix}" for suffix in _SUFFIXES]
            path = next((path for path in candidates if path.is_file()), None) or self.hub_file(quality)
            if path is not None:
                found[quality] = path
        return found

    def rate_search(self, image: Image.Image) -> _QualityRateSearch:
        return _QualityRateSearch(self, to_rgb(image))

    @torch.no_grad()
    def encode_at(self, image: Image.Image, quality: int) -> bytes:
        """The file at one quality.

        Raises:
            BaselineError: there are no weights for it, the picture is too large, or the network fails.
        """
        rgb = to_rgb(image)
        check_pixels(self.name, *rgb.size)
        pixels = torch.from_numpy(np.array(rgb)).permute(2, 0, 1)[None].float() / 255
        padding = (0, -rgb.width % self.multiple, 0, -rgb.height % self.multiple)
        pixels = F.pad(pixels, padding, mode="replicate") * (self.high - self.low) + self.low
        streams = self.compress(self._network(quality), pixels)
        lengths = b"".join(varint(len(stream)) for stream in streams[:-1])
        head = bytes([quality]) + varint(rgb.width) + varint(rgb.height) + bytes([len(streams)])
        return seal(head + lengths + b"".join(streams))

    @torch.no_grad()
    def decode(self, data: bytes) -> Image.Image:
        if not data:
            raise BaselineError(f"{self.name} decoding failed: the file is empty")
        data = unseal(self.name, data)
        width, position = read_varint(data, 1)
        height, position = read_varint(data, position)
        if not (0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE) or position >= len(data):
            raise BaselineError(f"{self.name} decoding failed: the file's header is damaged")
        check_pixels(self.name, width, height)
        count, position = data[position], position + 1
        lengths = []
        for _ in range(count - 1):
            length, position = read_varint(data, position)
            lengths.append(length)
        if not count or position + sum(lengths) > len(data):
            raise BaselineError(f"{self.name} decoding failed: the file is cut, or its header is damaged")
        streams = []
        for length in lengths:
            streams.append(data[position : position + length])
            position += length
        streams.append(data[position:])
        padded = height + -height % self.multiple, width + -width % self.multiple
        try:
            pixels = self.decompress(self._network(data[0]), streams, padded)[0, :, :height, :width]
        except HSCError:
            raise
        except Exception as error:  # the networks of others raise what they like on streams that are not theirs
            raise BaselineError(f"{self.name} decoding failed: the file is damaged or of another codec") from error
        pixels = ((pixels - self.low) / (self.high - self.low)).clamp(0, 1).mul(255).round().to(torch.uint8)
        return Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy())

    def _where(self) -> Path:
        return self._folder or weights_folder()

    def _network(self, quality: int) -> nn.Module:
        if quality not in self._networks:
            path = self.files().get(quality)
            if path is None:
                raise BaselineError(f"{self.name} has no weights for quality {quality} here")
            state = read_weights(path)
            try:
                network = self.build(state)
            except Exception as error:  # whatever `load_state_dict` says of foreign names and shapes
                raise WeightsError(f"{path.name} does not hold the weights of {self.name}.") from error
            self._networks[quality] = network.eval().requires_grad_(False)
        return self._networks[quality]


class _QualityRateSearch:
    """The qualities that there are, from the lowest up, each coded at most once."""

    def __init__(self, codec: LearnedCodec, image: Image.Image):
        self._codec, self._image = codec, image
        self._files: dict[int, bytes] = {}

    def fit(self, max_bytes: int) -> bytes:
        """See `RateSearch.fit`."""
        best = None
        for quality in sorted(self._codec.files()):
            if quality not in self._files:
                self._files[quality] = self._codec.encode_at(self._image, quality)
            data = self._files[quality]
            if best is None or len(data) <= max_bytes:
                best = data
            if len(data) > max_bytes:
                break
        if best is None:
            raise BaselineError(f"{self._codec.name} has no weights here")
        return best


class CompressAICodec(LearnedCodec):
    """A model of CompressAI (Bégaint et al. 2020, arXiv:2011.03029).

    Attributes:
        model: name of its class in `compressai.models`.
        zoo: name of its architecture in CompressAI's zoo, where it has one.
    """

    model: str
    zoo: str | None = None

    def build(self, state: dict[str, Tensor]) -> nn.Module:
        from compressai import models
        from compressai.zoo.pretrained import load_pretrained

        network = getattr(models, self.model).from_state_dict(load_pretrained(state))
        network.update(force=True)
        return network

    def hub_file(self, quality: int) -> Path | None:
        downloads = Path(torch.hub.get_dir()) / "checkpoints"
        if self.zoo is None or not downloads.is_dir():
            return None
        from compressai.zoo.image import model_urls

        address = model_urls.get(self.zoo, {}).get("mse", {}).get(quality)
        path = downloads / address.rsplit("/", 1)[-1] if address else None
        return path if path is not None and path.is_file() else None

    def description(self) -> str:
        from importlib.metadata import version

        return f"CompressAI {version('compressai')} {self.model}, {super().description()}"


class Factorized(CompressAICodec):
    """Ballé et al. 2017, arXiv:1611.01704, as CompressAI's zoo has it."""

    key, name, model, zoo = "factorized", "Factorised prior (Ballé 2017)", "FactorizedPrior", "bmshj2018-factorized"
    multiple = 16


class Hyperprior(CompressAICodec):
    """Ballé et al. 2018, arXiv:1802.01436."""

    key, name, model, zoo = "hyperprior", "Hyperprior (Ballé 2018)", "ScaleHyperprior", "bmshj2018-hyperprior"


class Cheng2020(CompressAICodec):
    """Cheng et al. 2020, arXiv:2001.01568."""

    key, name, model, zoo = "cheng2020", "Cheng 2020", "Cheng2020Attention", "cheng2020-attn"
    qualities = 6


class ELIC(CompressAICodec):
    """He et al. 2022, arXiv:2203.10886. CompressAI's zoo has no weights of it."""

    key, name, model = "elic", "ELIC", "Elic2022Official"
    qualities = 6

    def decompress(self, network: nn.Module, streams: list[bytes], size: tuple[int, int]) -> Tensor:
        y, z = (tuple(side // stride for side in size) for stride in (16, 64))
        shape = {"y": [(channels, *y) for channels in network.latent_codec["y"].groups], "hyper": z}
        return network.decompress([[stream] for stream in streams], shape)["x_hat"]


class MSILLM(LearnedCodec):
    """Muckley et al. 2023, arXiv:2301.11189: HiFiC's autoencoder at the paper's size, trained otherwise.

    Takes the state dictionaries of NeuralCompression's checkpoints, whose names `_RENAMED` translates.
    """

    key, name = "ms-illm", "MS-ILLM"
    qualities = 6

    # Names of NeuralCompression's autoencoder -> those of `hsc.baselines.hific.HiFiC`.
    _RENAMED = (("hyper_bottleneck.", "density."),)
    _LEFT_OUT = (
        "latent_bottleneck.",
        "hyper_bottleneck._",
        "hyper_bottleneck.quantiles",
        "hyper_bottleneck.target",
        "hyper_bottleneck.likelihood_lower_bound",
    )

    def build(self, state: dict[str, Tensor]) -> nn.Module:
        from hsc.baselines.hific import HiFiC, HiFiCConfig

        widths = [
            state[f"encoder.blocks.{index}.0.weight"].shape[0]
            for index in range(sum(bool(re.fullmatch(r"encoder\.blocks\.\d+\.0\.weight", k)) for k in state))
        ]
        config = HiFiCConfig(
            tuple(widths),
            latent=state["decoder.block_0.1.weight"].shape[1],
            hyper=state["hyper_analysis.0.weight"].shape[0],
            side=state["hyper_analysis.4.weight"].shape[0],
            blocks=sum(bool(re.fullmatch(r"decoder\.resid_blocks\.\d+\.sequence\.0\.weight", k)) for k in state),
        )
        network = _MSILLMNetwork(HiFiC(config))
        network.model.load_state_dict(self.translate(state, network.model), strict=True)
        network.prepare()
        return network

    @classmethod
    def translate(cls, state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
        """Rename, and shape norms' parameters as `model` has them; its gain stays 1."""
        own = model.state_dict()
        renamed = {"log_gain": own["log_gain"]}
        for name, value in state.items():
            name = _old_bottleneck_name(name)
            if name.startswith(cls._LEFT_OUT):
                continue
            for old, new in cls._RENAMED:
                name = new + name.removeprefix(old) if name.startswith(old) else name
            if name in own and own[name].numel() == value.numel():
                value = value.reshape(own[name].shape)
            renamed[name] = value
        return renamed

    def compress(self, network: nn.Module, image: Tensor) -> list[bytes]:
        return network.compress(image)

    def decompress(self, network: nn.Module, streams: list[bytes], size: tuple[int, int]) -> Tensor:
        return network.decompress(streams, size)


def _old_bottleneck_name(name: str) -> str:
    """CompressAI before 1.2.7 kept ``_matrix0`` where it now keeps ``matrices.0``."""
    found = re.fullmatch(r"hyper_bottleneck\._(matrix|bias|factor)(\d)", name)
    plural = {"matrix": "matrices", "bias": "biases", "factor": "factors"}
    return f"hyper_bottleneck.{plural[found.group(1)]}.{found.group(2)}" if found else name


class _MSILLMNetwork(nn.Module):
    """HiFiC's networks with CompressAI's entropy models around them, as MS-ILLM uses them."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def prepare(self) -> None:
        """Make the tables."""
        from compressai.entropy_models import GaussianConditional
        from compressai.models.base import get_scale_table

        self.side = self.model.density.to_compressai()
        self.latent = GaussianConditional(None)
        self.latent.update_scale_table(get_scale_table(), force=True)

    def compress(self, image: Tensor) -> list[bytes]:
        y = self.model.encoder(image)
        z = self.model.hyper_analysis(y)
        side = self.side.compress(z)
        mean, scale = self.statistics(self.side.decompress(side, z.shape[-2:]))
        latent = self.latent.compress(y, self.latent.build_indexes(scale), means=mean)
        return [side[0], latent[0]]

    def decompress(self, streams: list[bytes], size: tuple[int, int]) -> Tensor:
        side, latent = streams
        shape = tuple(length // (4 * self.model.config.stride) for length in size)
        mean, scale = self.statistics(self.side.decompress([side], shape))
        y = self.latent.decompress([latent], self.latent.build_indexes(scale), means=mean)
        return self.model.decoder(y)

    def statistics(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """MS-ILLM's scales are the network's own output; the entropy model bounds them from below."""
        return self.model.hyper_synthesis_mean(z), self.model.hyper_synthesis_scale(z)
