"""Latents to symbols, exactly as a decoder will read them, and symbols to a file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hsc.bitstream import BitstreamWriter
from hsc.bitstream.range_coder import MAX_SYMBOL, FrequencyTables
from hsc.coding.differentiable import rdoq
from hsc.coding.layer_state import LayerState
from hsc.encoder.context import EncoderContext
from hsc.encoder.latents import Latents
from hsc.errors import HSCError
from hsc.model_ids import DETAILED_MODEL_ID, MODEL_ID
from hsc.networks.entropy_tables import EntropyTables, log2_scales


@dataclass(frozen=True, eq=False)
class QuantisedLatents:
    """Symbols of a photo at one quality.

    Attributes:
        quality: quality byte, 0 to 255.
        symbols: of each layer, flat int32.
        indexes: of each layer, the frequency table of each symbol.
        bits: code length of each layer.
        state: what a decoder has when it has read all of them.
    """

    quality: int
    symbols: list[np.ndarray]
    indexes: list[np.ndarray]
    bits: list[float]
    state: LayerState


def quantise(context: EncoderContext, latents: Latents, quality: int) -> QuantisedLatents:
    """Latents to the symbols of all layers at one quality.

    Raises:
        HSCError: the latents are not finite.
    """
    state = context.layer_state(quality)
    symbols = [to_symbols(latents.semantics.double().cpu() / torch.from_numpy(state.semantic_step))]
    indexes = [state.semantic_tables]
    state.take_semantics(symbols[0])
    encoders, networks = latents.feature_encoders, list(context.networks.fcn)
    if latents.detail is not None:
        networks.append(context.networks.detail)
    for level, network in enumerate(networks):
        if level:
            state.next_level()
        y = latents.detail
        if level < len(encoders):
            y = encoders[level](context.tensor(state.base))
        y = y.double().cpu()  # symbols are settled there
        for own in y.chunk(network.slices, 1):
            indexes.append(state.predict())
            offset = (own - torch.from_numpy(state.mean)) / torch.from_numpy(state.step)
            log2_scale = log2_scales(torch.from_numpy(indexes[-1]).to(offset).view_as(offset))
            symbols.append(to_symbols(rdoq(offset, log2_scale, latents.rdoq)))
            state.take(symbols[-1])
    bits = [
        _tables(context.tables, layer).code_length(part, index)
        for layer, (part, index) in enumerate(zip(symbols, indexes))
    ]
    return QuantisedLatents(quality, symbols, indexes, bits, state)


def to_symbols(scaled: Tensor) -> np.ndarray:
    """Coefficients in quantisation steps to flat int32 symbols.

    Raises:
        HSCError: some are not finite; no coder should ever see them.
    """
    if not torch.isfinite(scaled).all():
        raise HSCError("The picture gave latents that are not finite; it cannot be coded.")
    return scaled.round().clamp(-MAX_SYMBOL, MAX_SYMBOL).to(torch.int32).flatten().cpu().numpy()


def write(context: EncoderContext, quantised: QuantisedLatents, layers: int | None = None) -> bytes:
    """The file of the first ``layers`` layers, or of all."""
    layers = len(quantised.symbols) if layers is None else layers
    model = DETAILED_MODEL_ID if layers > context.networks.layers else MODEL_ID
    writer = BitstreamWriter(model, quantised.quality)
    for layer in range(layers):
        writer.write_layer(quantised.symbols[layer], quantised.indexes[layer], _tables(context.tables, layer))
    return writer.finish()


def _tables(tables: EntropyTables, layer: int) -> FrequencyTables:
    return tables.gaussian if layer else tables.semantic
