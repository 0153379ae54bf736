"""The networks and tables of a frozen model, as a decoder takes them: arrays by name, and exact networks of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hsc.architecture import DETAIL_LATENTS, DETAIL_LEVEL, DETAIL_SLICES, FIRST_LEVEL, LATENTS, SEMANTIC_SIZE, SLICES
from hsc.coding.entropy_tables import SEMANTIC_GROUPS, EntropyTables
from hsc.errors import WeightsError
from hsc.inference.exact import ContextNetwork, QuantisationStep


class WeightsFiles(Mapping[str, np.ndarray]):
    """The arrays of safetensors files, each read when it is asked for.

    Raises:
        WeightsError: a file is missing or is not safetensors.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        from safetensors import SafetensorError, safe_open

        self._files: dict[str, Any] = {}
        for path in paths:
            try:
                file = safe_open(path, "np")
            except (OSError, SafetensorError) as error:
                raise WeightsError(f"{path.name} cannot be read as safetensors.") from error
            self._files |= {name: file for name in file.keys()}

    def __getitem__(self, name: str) -> np.ndarray:
        return self._files[name].get_tensor(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


@dataclass(frozen=True)
class Level:
    """One level of F, or detail.

    Attributes:
        generator_level: of the features that it changes.
        latent: channels of its symbols.
        slices: that those are cut into.
        network: what the names of its transforms begin with.
        context_network: what the names of its context network begin with.
    """

    generator_level: int
    latent: int
    slices: int
    network: str
    context_network: str

    @property
    def slice_channels(self) -> int:
        """Channels of each slice."""
        return self.latent // self.slices

    @property
    def size(self) -> int:
        """Side of the symbols, half of the features'."""
        return 2 * 2**self.generator_level


class DecoderModel:
    """Exact networks and tables of one model.

    Args:
        weights: by the names of :class:`hsc.networks.hsc_networks.HSCNetworks`'s state dictionary; tables as
            ``tables.*``.
        tables: given apart, where the weights have none.

    Raises:
        WeightsError: the weights are not those of a codec.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], tables: EntropyTables | None = None) -> None:
        self.weights = weights
        coded = {name.split(".")[1] for name in weights if name.startswith("fcn.")}
        self.feature_levels = tuple(
            Level(FIRST_LEVEL + i, LATENTS[i], SLICES[i], f"fcn.{i}", f"sce.{i}") for i in range(len(coded))
        )
        """Levels of F, coarse to fine."""
        self.levels = self.feature_levels
        """Those, and detail where the model has it."""
        if any(name.startswith("detail.") for name in weights):
            self.levels += (Level(DETAIL_LEVEL, DETAIL_LATENTS, DETAIL_SLICES, "detail", "detail_context"),)
        self._tables = tables
        self._contexts: dict[int, ContextNetwork] = {}
        if "scn.steps.coarse" not in weights or not coded:
            raise WeightsError("The weights are not those of a codec.")

    @property
    def layers(self) -> int:
        """Layers of a complete file without detail: S and all slices of F."""
        return 1 + sum(level.slices for level in self.feature_levels)

    @property
    def detail_layers(self) -> int:
        """Slices of detail, which may follow."""
        return sum(level.slices for level in self.levels) + 1 - self.layers

    def layer_name(self, index: int) -> str:
        """What the layer with this index is called: ``"S"``, ``"F1"`` ..., ``"D1"`` ..."""
        return "S" if index == 0 else f"F{index}" if index < self.layers else f"D{index - self.layers + 1}"

    @cached_property
    def tables(self) -> EntropyTables:
        """Frequency tables.

        Raises:
            WeightsError: the weights have none.
        """
        if self._tables is not None:
            return self._tables
        prefix = "tables."
        try:
            return EntropyTables.from_state(
                {name[len(prefix) :]: self.weights[name] for name in self.weights if name.startswith(prefix)}
            )
        except (KeyError, ValueError) as error:
            raise WeightsError("The weights are not those of a codec.") from error

    @cached_property
    def _semantic_step(self) -> QuantisationStep:
        return QuantisationStep(self.weights, "scn.steps")

    def semantic_step(self, quality: float) -> np.ndarray:
        """Quality in [0, 1] to the quantisation steps of S ``(768,)``.

        Symbols of one channel share theirs, and so do the qualities of a group, which share their tables too.
        """
        group = np.floor(quality * SEMANTIC_GROUPS) / SEMANTIC_GROUPS
        return self._semantic_step(group).repeat(SEMANTIC_SIZE**2)

    @cached_property
    def steps(self) -> list[QuantisationStep]:
        """Quantisation steps of each level."""
        return [QuantisationStep(self.weights, f"{level.network}.step") for level in self.levels]

    def context(self, index: int) -> ContextNetwork:
        """The context network of a level."""
        if index not in self._contexts:
            level = self.levels[index]
            self._contexts[index] = ContextNetwork(self.weights, level.context_network, level.size, level.slices)
        return self._contexts[index]
