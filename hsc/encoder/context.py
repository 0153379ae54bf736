"""What the encoder's parts work with, as one small value instead of the whole codec."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hsc.coding.entropy_tables import EntropyTables
from hsc.coding.layer_state import LayerState
from hsc.decoder import Decoder
from hsc.generator import Generator
from hsc.generator.frozen import FrozenGenerator
from hsc.generator.frozen_preview import FrozenPreviewHead
from hsc.generator.preview_head import PreviewHead
from hsc.inference.model import DecoderModel
from hsc.inference.torch_engine import TorchEngine
from hsc.metrics.lpips import LPIPS
from hsc.networks.hsc_networks import HSCNetworks


@dataclass(eq=False)
class EncoderContext:
    """Frozen networks and tables, all on one device."""

    generator: Generator
    networks: HSCNetworks
    tables: EntropyTables
    preview: PreviewHead

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.generator.input.device

    @cached_property
    def lpips(self) -> LPIPS:
        """LPIPS-Alex, the perceptual part of the distortion."""
        return LPIPS.load("alex").to(self.device)

    @cached_property
    def surrogate(self) -> tuple[FrozenGenerator, FrozenPreviewHead]:
        """Generator and preview head that distortions and gradients are computed with.

        In bfloat16 where the device computes in it.
        """
        if computes_in_bfloat16(self.device):
            precision = torch.bfloat16
            return FrozenGenerator(self.generator, precision), FrozenPreviewHead(self.preview, precision)
        return self.frozen, FrozenPreviewHead(self.preview)

    @cached_property
    def frozen(self) -> FrozenGenerator:
        """The generator, in float32, as latents are coded with it."""
        return FrozenGenerator(self.generator)

    def rough_features(self, *given: Any, **more: Any) -> Tensor:
        """:meth:`FrozenGenerator.synthesize_features` in the surrogate's precision, to float32."""
        return self.surrogate[0].synthesize_features(*given, **more).float()

    @cached_property
    def updater(self) -> Callable[..., list[Tensor]]:
        """The latent updater, likewise."""
        updater = self.networks.updater
        if not computes_in_bfloat16(self.device):
            return updater
        updater = copy.deepcopy(updater).bfloat16()

        def update(picture: Tensor, restored: Tensor, quality: Tensor, *lists: Sequence[Tensor]) -> list[Tensor]:
            latents, gradients = ([part.bfloat16() for part in parts] for parts in lists)
            return updater(picture.bfloat16(), restored.bfloat16(), quality.bfloat16(), latents, gradients)

        return update

    def preload(self) -> None:
        """Make everything that refinement needs, which otherwise waits for its first use."""
        _ = self.lpips, self.surrogate, self.frozen, self.updater

    def layer_state(self, quality: int) -> LayerState:
        """What encoder and decoder know before the first layer of a file of this quality byte."""
        return LayerState(self._model, self._engine, quality)

    @cached_property
    def decoder(self) -> Decoder:
        """A decoder by the same modules."""
        return Decoder(self._model, self._engine)

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        """A decoder's array on the device."""
        return torch.from_numpy(array).to(self.device)

    @cached_property
    def _model(self) -> DecoderModel:
        """The exact networks, as the decoder has them."""
        state = self.networks.state_dict()
        return DecoderModel({name: value.float().cpu().numpy() for name, value in state.items()}, self.tables)

    @cached_property
    def _engine(self) -> TorchEngine:
        return TorchEngine(self.generator, self.networks, self.preview)


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether a device is known to have instructions for it; without, bfloat16 is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # older versions of torch lack it
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
