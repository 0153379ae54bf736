"""Graphs, exact networks, tables and directions as files for decoders in other languages, with a manifest.

``docs/export.md`` is the reference for those who read them. The same release gives the same bytes everywhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hsc import __version__, weights
from hsc.architecture import CHANNELS, DETAIL_LEVEL, LATENT, LAYERS, PREVIEW_SIZE, SIZE
from hsc.codec import Codec
from hsc.export import edits
from hsc.export.onnx_file import OPSET
from hsc.export.onnx_ops import Integers, OnnxOps, RowsOps, eight_bits, sixteen_bits
from hsc.inference import graphs
from hsc.inference.exact import ACTIVATION_BITS, EXP2, EXP2_BITS, WEIGHT_BITS, WEIGHT_LIMIT, to_grid
from hsc.inference.model import DecoderModel, WeightsFiles
from hsc.model_ids import MODELS
from hsc.runtime import atomic

FORMAT = 2
"""Version of the layout; files that are added to it do not raise it."""
LICENCE = (
    "Code: MIT. The generator was distilled from a network that learned from FFHQ (CC BY-NC-SA 4.0): these files are"
    " for non-commercial use, and pictures that they make are to be marked as synthetic."
)
_PICTURES = ("preview", "image")
"""Graphs that make pictures. Edits divide by style scales of theirs, which must be those of ``edits.safetensors``."""
_FIRST = (512, 512, 3, 3)
"""Shape of the generator's first convolution, a quarter of all weights."""
_EXACT = ("scn.steps.", "sce.", "detail_context.", "tables.")
"""What names of tensors begin with that symbols depend on; those of steps hold ``.step.``."""


@dataclass(frozen=True)
class Graph:
    """One graph to write.

    Attributes:
        name: of the file, without its suffix.
        build: takes operations, and gives the output.
        shape: of that.
        says: what it does, in a line.
    """

    name: str
    build: Callable[[graphs.Ops], Any]
    shape: tuple[int, ...]
    says: str


def export(
    folder: Path, int8: bool = False, compact: bool = False, progress: Callable[[str], None] = lambda line: None
) -> list[Path]:
    """Write all files, the manifest last.

    Args:
        folder: made if missing; files of these names in it are replaced.
        int8: store the weights of the two graphs that make pictures in 8 bits.
        compact: for browsers: store those of the others as 16-bit integers that compress well, and let ``image`` make
            some rows at a time.
        progress: is told the name of each file that is written.

    Raises:
        HSCError: a file cannot be written, or weights cannot be had.
    """
    codec, written = Codec.load(), []
    told: dict[str, dict[str, Any]] = {}

    def write(name: str, data: bytes, **facts: Any) -> None:
        atomic.write_bytes(folder / name, data)
        written.append(folder / name)
        told[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), **facts}
        progress(name)

    folder.mkdir(parents=True, exist_ok=True)
    generator = WeightsFiles([weights.generator_path()])
    head = _single_precision(WeightsFiles([weights.shipped("preview")]))
    for graph in _graphs(codec.model, generator, head):
        integers = _integers(graph.name, int8, compact)
        by_rows = compact and graph.name == "image"
        ops = RowsOps(integers) if by_rows else OnnxOps(integers)
        output, shape = graph.build(ops), (1, 3, "height", SIZE) if by_rows else graph.shape
        data = ops.file(graph.name, output, shape, {"licence": LICENCE})
        storage = integers.name if integers else "float16"
        inputs = {name: list(shape) for name, shape in ops.inputs.items()}
        write(f"{graph.name}.onnx", data, says=graph.says, inputs=inputs, output=list(shape), storage=storage)
    write(
        "exact.safetensors",
        _exact(codec.model, compact),
        says="exact networks, steps and tables, as FORMAT.md has them",
    )
    tensors, facts = edits.directions_as_data()
    write("directions.safetensors", _safetensors(tensors), says="shifts (16, 512) and tints (K, 512), by name")
    write("edits.safetensors", _safetensors(edits.tensors(generator)), says="what edits need besides, see EDITS.md")
    manifest = {
        "format": FORMAT,
        "release": __version__,
        "models": sorted(MODELS),
        "generator": {"package": weights.GENERATOR.requirement, "sha256": weights.GENERATOR.sha256},
        "opset": OPSET,
        "weight_bits": WEIGHT_BITS,
        "activation_bits": ACTIVATION_BITS,
        "exp2_bits": EXP2_BITS,
        "licence": LICENCE,
        "edits": edits.constants(),
        "directions": facts,
        "files": told,
    }
    atomic.write_text(folder / "manifest.json", json.dumps(manifest, indent=1) + "\n")
    progress("manifest.json")
    return [*written, folder / "manifest.json"]


def _integers(graph: str, int8: bool, compact: bool) -> Integers | None:
    """How a graph's weights are stored, if not in half precision."""
    if graph in _PICTURES:
        return eight_bits() if int8 else None
    if not compact:
        return None

    def bits(shape: tuple[int, ...]) -> float:
        """Where a bit gains most, by features and pictures of the conformance kit and of golden files with all edits.

        Style scales take least: each moves one channel, and no channel stands out.
        """
        if not graph.startswith("synthesis"):
            return 8
        if shape == _FIRST:
            return 6.25
        scales, others = (8, 10) if graph == "synthesis_16" else (7.5, 9)
        return scales if len(shape) == 2 else others

    return sixteen_bits(bits)


def _graphs(model: DecoderModel, generator: graphs.Weights, head: graphs.Weights) -> Iterator[Graph]:
    """In the order in which a decoder runs them."""
    networks = _single_precision(model.weights)
    yield Graph(
        "semantics",
        lambda ops: graphs.semantics(ops, networks),
        (1, LAYERS, LATENT),
        "coefficients of S to style codes",
    )
    before = None
    for own in model.levels:
        level = own.generator_level
        name, side = _synthesis_name(before, level), 4 * 2**level
        yield Graph(
            name,
            lambda ops, start=before, level=level: graphs.placed_synthesis(ops, generator, start, level),
            (1, CHANNELS[level - 1], side, side),
            f"style codes{'' if before is None else ' and features'} to features at {side}x{side}",
        )
        yield Graph(
            f"change_{side}",
            lambda ops, own=own: graphs.feature_change(ops, networks, own),
            (1, CHANNELS[level - 1], side, side),
            f"coefficients and features at {side}x{side} to what is added to these",
        )
        before = level
    if before != DETAIL_LEVEL:
        raise ValueError("pictures are made of features at 64x64")
    yield Graph(
        "preview",
        lambda ops: graphs.preview(ops, generator, head),
        (1, 3, PREVIEW_SIZE, PREVIEW_SIZE),
        "style codes and features at 64x64 to an approximate picture in [-1, 1]",
    )
    yield Graph(
        "image",
        lambda ops: graphs.image(ops, generator),
        (1, 3, SIZE, SIZE),
        "style codes and features at 64x64 to the picture in [-1, 1]",
    )


def _synthesis_name(start: int | None, level: int) -> str:
    return f"synthesis_{4 * 2**level}" if start is None else f"synthesis_{4 * 2**start}_{4 * 2**level}"


def _single_precision(arrays: graphs.Weights) -> dict[str, np.ndarray]:
    return {name: arrays[name].astype(np.float32) for name in arrays if not name.startswith("tables.")}


def _exact(model: DecoderModel, compact: bool) -> bytes:
    """Weights on their grids: each is a multiple of 2^-12 that half precision holds exactly, or is kept in single.

    Compact ones are 16-bit integers, how many times 2^-12 they are.
    """
    # The mean latent is no part of the exact path: it is S^ where a file holds none.
    tensors = {"exp2": np.array(EXP2, np.int32), "scn.mean": model.weights["scn.mean"]}
    for name in sorted(model.weights):
        if not (name.startswith(_EXACT) or ".step." in name):
            continue
        value = model.weights[name]
        if value.dtype.kind == "f":
            bits, limit = (ACTIVATION_BITS, 512.0) if ".step" in name else (WEIGHT_BITS, 512.0)
            grid = to_grid(value, bits, WEIGHT_LIMIT if name.endswith(".weight") else limit)
            half, levels = grid.astype(np.float16), np.rint(grid * 2.0**WEIGHT_BITS)
            value = half if np.array_equal(half.astype(np.float64), grid) else grid.astype(np.float32)
            if compact and bits == WEIGHT_BITS and np.abs(levels).max() < 2**15:
                value = levels.astype(np.int16)
        tensors[name] = value
    return _safetensors(tensors, {"unit": str(2.0**-WEIGHT_BITS)} if compact else None)


def _safetensors(tensors: dict[str, np.ndarray], metadata: dict[str, str] | None = None) -> bytes:
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(value) for name, value in tensors.items()}, metadata)
