"""Bytes to semantics: the container, the range decoder, and the exact networks that predict each layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from hsc.bitstream import BitstreamReader
from hsc.coding.layer_state import LayerState
from hsc.errors import BitstreamError
from hsc.inference.engine import Engine
from hsc.inference.model import DecoderModel
from hsc.model_ids import DETAILED_MODEL_ID, check_model_id
from hsc.semantics import Contents, Layer, Semantics


class Decoder:
    """Parses files of the models whose networks it is given.

    Args:
        model: exact networks and tables; of model 10, which decodes files of model 9 alike.
        engine: makes style codes and features of what a file says.
    """

    def __init__(self, model: DecoderModel, engine: Engine) -> None:
        self._model, self._engine = model, engine

    def inspect(self, data: bytes) -> Contents:
        """What a file, or any prefix of one, holds: its layers and symbols, before any network in floating point.

        Raises:
            BitstreamError: the data is foreign, damaged, or of another version or model.
        """
        return Contents(**self._read(data)[0])

    def parse(self, data: bytes) -> Semantics:
        """Decode a file, or any prefix of one; edits that it stores are listed, not applied.

        Raises:
            BitstreamError: the data is foreign, damaged, or of another version or model.
        """
        self._engine.prepare()
        told, state = self._read(data)
        features = state.features()
        return Semantics(codes=state.codes, features=features, detail=state.detail, **told)

    def _read(self, data: bytes) -> tuple[dict[str, Any], LayerState]:
        reader = BitstreamReader(data)
        check_model_id(reader.model_id)
        known = self._model.layers
        if reader.model_id == DETAILED_MODEL_ID:
            known += self._model.detail_layers
        if reader.layers > known:
            raise BitstreamError(f"The file has {reader.layers} layers; this model knows {known}.")
        state = LayerState(self._model, self._engine, reader.quality or 0)
        symbols = self._read_symbols(reader, state)
        ends = reader.layer_ends
        layers = tuple(
            Layer(self._model.layer_name(index), ends[index] - (ends[index - 1] if index else 0), ends[index])
            for index in range(len(symbols))
        )
        told = {
            "model_id": reader.model_id,
            "quality": reader.quality or 0,
            "layers": layers,
            "total_layers": reader.layers,
            "symbols": tuple(symbols),
            "edits": tuple(reader.edits),
            "bytes": len(data),
            "complete": reader.complete,
        }
        return told, state

    def _read_symbols(self, reader: BitstreamReader, state: LayerState) -> list[np.ndarray]:
        """Symbols of each layer that is there; ``state`` takes them as they come."""
        received: list[np.ndarray] = []
        while len(received) < reader.layers:
            if not received:
                symbols = reader.read_layer(state.semantic_tables, self._model.tables.semantic)
            else:
                if state.level_complete:
                    state.next_level()
                symbols = reader.read_layer(state.predict(), self._model.tables.gaussian)
            if symbols is None:
                break
            (state.take if received else state.take_semantics)(symbols)
            received.append(symbols)
        return received
