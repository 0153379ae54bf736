"""What edits are made of, as data: ``hsc/editing/EDITS.md`` is the formula, these are its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hsc.architecture import DETAIL_LEVEL
from hsc.editing import array_editor, array_local, movement
from hsc.errors import DirectionError


def constants() -> dict[str, Any]:
    """Numbers of the formula, by what EDITS.md says of them, for the manifest."""
    column, row, width, height, depth = array_local.HEAD
    return {
        "reach": {str(side): grow for side, grow in movement.REACH.items()},
        "nothing": movement.NOTHING,
        "truncation": array_editor.TRUNCATION,
        "gains": list(array_editor.GAINS),
        "blur": array_local.BLUR,
        "regions": list(movement.REGIONS),
        "sharpness": array_local.SHARPNESS,
        "head": {"column": column, "row": row, "width": width, "height": height, "depth": depth},
        "roundness": array_local.ROUNDNESS,
        "rim": array_local.RIM,
        "pivot": array_local.PIVOT,
        "around": array_local.AROUND,
        "cubic": array_local.CUBIC,
    }


def tensors(generator: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The linear map of regions, and the scales of features at 64x64 on their way to the next block.

    Args:
        generator: its weights.
    """
    from hsc import weights
    from hsc.inference.model import WeightsFiles

    regions = WeightsFiles([weights.shipped("regions")])
    return {
        "regions.weight": regions["weight"].astype(np.float32),
        "regions.bias": regions["bias"].astype(np.float32),
        "scales.weight": generator[f"blocks.{DETAIL_LEVEL}.up.weight"].astype(np.float16),
        "scales.bias": generator[f"blocks.{DETAIL_LEVEL}.up.bias"].astype(np.float32),
    }


def directions_as_data() -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
    """Shifts and tints of the shipped directions by name, and for the manifest what else a decoder is to know of each.

    Raises:
        DirectionError: one has no response.
    """
    import directions

    arrays, facts = {}, []
    for name in directions.names():
        direction = directions.load(name)
        told = direction.metadata
        if "response" not in told:
            raise DirectionError(f"The direction '{name}' has no response, which decoders elsewhere need.")
        arrays[name] = np.asarray(direction.array, np.float32)
        if len(direction.tints):
            arrays[f"{name}.paint"] = np.asarray(direction.tints, np.float32)
        facts.append(
            {
                "id": direction.id,
                "name": name,
                "label": direction.label,
                "layers": list(direction.layers),
                "range": list(direction.range),
                "place": told.get("place", []),
                "paints": [{"region": one["region"], "place": one["place"]} for one in told.get("paints", [])],
                "drags": told.get("drags", []),
                "response": told["response"],
            }
        )
    return arrays, facts
