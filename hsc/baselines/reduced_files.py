"""Files of the reduced models, and their weights.

A file is as `hsc.baselines.hific.LatentCoder` has it. Ballé 2017's has the symbols of y alone, each channel with a
table of frequencies for the quality of the file; the tables are integers that come with the weights. ELIC's has z, and
then y group by group, the two halves of each checkerboard one after the other. Ballé 2018's and MS-ILLM's have z and y.
"""

from __future__ import annotations

import copy
import json
import math
import zlib
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from hsc.baselines import hific
from hsc.baselines.hific import (
    QUALITIES,
    Frequencies,
    Gained,
    HiFiCCoder,
    HyperpriorCoder,
    LatentCoder,
    Put,
    Tables,
    Take,
    on_grid,
    to_symbols,
)
from hsc.baselines.reduced import ARCHITECTURES, ELIC, Architecture, FactorizedPrior, is_anchor
from hsc.errors import WeightsError
from hsc.runtime import packages

_FORMAT = "hsc-reduced-1"
BELOW, ABOVE = 12, 8
"""Qualities of files that are coarser and finer than what was trained: each step is `_BEYOND` times the one above."""
_BEYOND = 0.94
_GAIN_GRID = 1 << 16
"""Gains are multiples of its inverse: the same wherever an exponential rounds differently."""
_LONGEST = 1 << 10
"""Symbols that a table has at most; others are coded after its escape symbol."""
_TAIL = 1e-6
"""Probability of the symbols beyond a table."""


def gain_of(model: Gained, quality: int) -> Tensor:
    """The gain (1, latent, 1, 1), float64, of a file's quality."""
    trained = QUALITIES - 1 - BELOW - ABOVE
    beyond = min(quality - BELOW, 0) + max(quality - BELOW - trained, 0)
    gain = model.gain((quality - BELOW) / trained, torch.float64).cpu() * _BEYOND**-beyond
    return torch.round(gain * _GAIN_GRID).clamp(min=1.0) / _GAIN_GRID


class FactorizedCoder(LatentCoder):
    """Files of Ballé 2017.

    Args:
        model: in evaluation mode.
        state: tables, from `make_tables`.
        tag: byte that names the weights.
    """

    name = "Ballé 2017"

    def __init__(self, model: FactorizedPrior, state: dict[str, Tensor], tag: int):
        super().__init__(model, tag)
        lengths, offsets = state["tables.lengths"], state["tables.offsets"]
        channels = model.config.latent
        if lengths.shape != (QUALITIES, channels) or offsets.shape != lengths.shape:
            raise ValueError("tables of another model")
        rows = _unpack(state["tables.cdf"], lengths)
        self._frequencies: list[Frequencies] = [
            (rows[index * channels : (index + 1) * channels], lengths[index].tolist(), offsets[index].tolist())
            for index in range(QUALITIES)
        ]

    @property
    def multiple(self) -> int:
        return self.model.config.stride

    def gain(self, quality: int) -> Tensor:
        return gain_of(self.model, quality)

    def side_symbols(self, y: Tensor) -> Tensor:
        return torch.empty(0, dtype=torch.int32)

    def write_latent(self, put: Put, y: Tensor, side: Tensor, quality: int) -> None:
        symbols = to_symbols(y.double() * self.gain(quality))
        put(symbols, self._rows(symbols.shape[-2], symbols.shape[-1]), self._frequencies[quality])

    def read_latent(self, take: Take, size: tuple[int, int], quality: int) -> Tensor:
        height, width = (length // self.multiple for length in size)
        return take(self._rows(height, width), self._frequencies[quality]) / self.gain(quality)

    def _rows(self, height: int, width: int) -> Tensor:
        channels = torch.arange(self.model.config.latent, dtype=torch.int32)
        return channels[None, :, None, None].expand(1, -1, height, width).contiguous()


@torch.no_grad()
def make_tables(model: FactorizedPrior) -> dict[str, Tensor]:
    """Quantised cumulative frequencies of every quality and channel of Ballé 2017, end to end in one tensor.

    Raises:
        HSCError: CompressAI is not installed.
    """
    packages.require("compressai", "Ballé 2017's coding", "compare")
    from compressai._CXX import pmf_to_quantized_cdf

    model = copy.deepcopy(model).double().cpu()
    tail = math.log(2 / _TAIL - 1)
    low, high = (model.density.quantile(level).flatten() for level in (-tail, tail))
    rows, lengths, offsets = [], [], []
    for quality in range(QUALITIES):
        gain = gain_of(model, quality).flatten()
        first = (low * gain).floor().clamp(-_LONGEST // 2, 0).int()
        last = (high * gain).ceil().clamp(0, _LONGEST // 2 - 1).int()
        values = torch.arange(int(first.min()), int(last.max()) + 1)
        half = 0.5 / gain.reshape(-1, 1, 1)
        mass = model.density.mass(values.double().reshape(1, 1, -1) * 2 * half, half)[:, 0]
        for channel, row in enumerate(mass):
            inside = row[(values >= first[channel]) & (values <= last[channel])]
            rest = max(1 - float(inside.sum()), 1e-9)
            rows.append(pmf_to_quantized_cdf([*inside.tolist(), rest], 16))
            lengths.append(len(rows[-1]))
        offsets.append(first)
    return {
        "tables.cdf": _pack(rows),
        "tables.lengths": torch.tensor(lengths, dtype=torch.int32).reshape(QUALITIES, -1),
        "tables.offsets": torch.stack(offsets),
    }


def _pack(rows: list[list[int]]) -> Tensor:
    """Cumulative frequencies in 16 bits, end to end, without the 0 and the 65536 of each row."""
    values = [value for row in rows for value in row[1:-1]]
    return torch.tensor(values, dtype=torch.int32).to(torch.int16)  # wraps around


def _unpack(packed: Tensor, lengths: Tensor) -> list[list[int]]:
    """What was given to `_pack`, from the lengths of its rows."""
    parts = (packed.int() & 0xFFFF).split([length - 2 for length in lengths.flatten().tolist()])
    return [[0, *part.tolist(), 1 << 16] for part in parts]


class MeanScaleCoder(HiFiCCoder):
    """Files of Ballé 2018."""

    name = "Ballé 2018"

    def gain(self, quality: int) -> Tensor:
        return gain_of(self.model, quality)


class MSILLMCoder(MeanScaleCoder):
    """Files of MS-ILLM: those of HiFiC, with qualities beyond what was trained."""

    name = "MS-ILLM"


class ELICCoder(HyperpriorCoder):
    """Files of ELIC."""

    name = "ELIC"

    def __init__(self, model: ELIC, tables: Tables, tag: int):
        super().__init__(model, tables, tag)
        self._synthesis = copy.deepcopy(model.hyper_synthesis).double().cpu()
        self._context = copy.deepcopy(model.context).double().cpu()

    def gain(self, quality: int) -> Tensor:
        return gain_of(self.model, quality)

    def write_latent(self, put: Put, y: Tensor, side: Tensor, quality: int) -> None:
        put(side, self._rows(side), self.tables.frequencies)
        gained = (y.double() * self.gain(quality)).split(self.model.config.groups, 1)

        def code(index: int, half: Tensor, mean: Tensor, rows: Tensor) -> Tensor:
            symbols = to_symbols(gained[index][..., half] - mean)
            put(symbols, rows, self.tables.frequencies)
            return symbols

        self._code(code, side, quality)

    def read_latent(self, take: Take, size: tuple[int, int], quality: int) -> Tensor:
        side = self.read_side(take, size)
        return self._code(lambda index, half, mean, rows: take(rows, self.tables.frequencies), side, quality)

    def _code(self, code, side: Tensor, quality: int) -> Tensor:
        """y^ (float64), half by half: `code` has the index of a group, the places of the half, its means and table
        rows (1, channels, n), and gives its symbols."""
        gain = self.gain(quality)
        features = self._synthesis(self.side_values(side))
        height, width = features.shape[-2:]
        anchor = is_anchor(height, width)
        decoded: list[Tensor] = []
        for index, gains in enumerate(gain.split(self.model.config.groups, 1)):
            before = self._context.before(index, features, decoded)
            part = before.new_zeros(1, gains.shape[1], height, width)
            for half, known in ((anchor, None), (~anchor, part)):
                mean, scale = self._context.parameters_of(index, before, known)
                mean, scale = (on_grid(value * gains)[..., half] for value in (mean, scale))
                symbols = code(index, half, mean, self.tables.gaussian_indexes(scale))
                part[..., half] = (symbols + mean) / gains[..., 0]
            decoded.append(part)
        return torch.cat(decoded, 1)


# ------------------------------------------------------------------------------------------------ weights


def save(model: Gained, architecture: Architecture, path: Path, note: dict[str, str] | None = None) -> None:
    """Write weights in half precision with their tables and configuration, as safetensors.

    Raises:
        HSCError: the file cannot be written.
    """
    from hsc.weights import save_tensors

    if architecture.name == "hific":
        assert isinstance(model, hific.HiFiC)
        return hific.save(model, path, note)
    state = hific.half_state(model)
    if isinstance(model, FactorizedPrior):
        state.update(make_tables(model))
    else:
        tables = Tables.make(model.density)
        for part in ("z", "y"):
            rows = zip(tables[f"tables.{part}.cdf"].tolist(), tables[f"tables.{part}.lengths"].tolist())
            tables[f"tables.{part}.cdf"] = _pack([row[:length] for row, length in rows])
        state.update(tables)
    metadata = {"format": _FORMAT, "architecture": architecture.name, "config": json.dumps(asdict(model.config))}
    save_tensors(state, path, {**metadata, **(note or {})})
    return None


def load(path: Path, name: str) -> LatentCoder:
    """A coder from what `save` wrote.

    Args:
        path: of the weights.
        name: of the architecture; not HiFiC, which has a `load` of its own.

    Raises:
        WeightsError: there is no such file, or it holds something else.
    """
    from safetensors import SafetensorError, safe_open

    packages.require("compressai", "This codec", "compare")
    architecture = ARCHITECTURES[name]
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT or metadata.get("architecture") != name:
                raise WeightsError(f"{path.name} does not hold a reduced {name} model of this project.")
            state = {key: file.get_tensor(key) for key in file.keys()}
        tag = zlib.crc32(path.read_bytes()) & 0xFF
        model = architecture.model(architecture.restored_config(json.loads(metadata["config"])))
        model.load_state_dict({key: value.float() for key, value in state.items() if not key.startswith("tables.")})
        model = model.eval().requires_grad_(False)
        if isinstance(model, FactorizedPrior):
            return FactorizedCoder(model, state, tag)
        cdf = [row for part in "zy" for row in _unpack(state[f"tables.{part}.cdf"], state[f"tables.{part}.lengths"])]
        tables = Tables(cdf, Tables.joined(state, "lengths"), Tables.joined(state, "offsets"),
                        state["tables.medians"], state["tables.scales"])  # fmt: skip
        if isinstance(model, ELIC):
            return ELICCoder(model, tables, tag)
        assert isinstance(model, hific.HiFiC)
        return (MSILLMCoder if name == "ms-illm" else MeanScaleCoder)(model, tables, tag)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise WeightsError(f"{path.name} is missing, damaged, or not a {name} model of this project.") from error
