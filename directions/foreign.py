"""Directions of others: InterFaceGAN boundaries, W+ directions, e4e tensors, from a file or an upload."""

from __future__ import annotations

import io
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from directions.direction import LATENT, LAYERS, Direction, check_layers, check_range
from hsc.errors import DirectionError

MAX_BYTES = 1_000_000
"""Larger files are refused."""
MAX_SHIFT = 100.0
"""Length by which strength 1 may move one style code. A face's own codes lie 6 to 12 from the mean, the longest
direction here moves one by 9; from a few thousand on the generator's numbers overflow."""
# StyleGAN2 at 1024 x 1024 has 18 codes; the first 16 are this generator's.
_STYLEGAN2_LAYERS = 18
_SLICE = " torch.save writes all of the tensor that a slice is part of: save direction.clone() instead."
"""What explains most files of PyTorch's that are too large."""
_SHAPES = "(1, 512), (16, 512), (18, 512), (1, 18, 512) or (1, 9216)"


def load_foreign(
    source: str | Path | bytes,
    name: str,
    layers: Iterable[int] = tuple(range(LAYERS)),
    limits: tuple[float, float] = (-1.0, 1.0),
    scale: float = 1.0,
) -> Direction:
    """A direction that was not learned here, bound to layers and a range.

    It must be one of StyleGAN2-FFHQ's W or W+. Published directions differ in length: ``scale`` multiplies
    the array, so that strength 1.0 can be made a clear effect.

    Args:
        source: a ``.npy`` file of any float type, or a ``.pt`` file that holds one tensor; a path or its
        bytes.
            Shapes: (1, 512) for all layers, (16, 512), (18, 512), (1, 18, 512), (1, 9216).
        name: as in :class:`Direction`.
        layers: style codes it may move, 0 ... 15.
        limits: slider range.
        scale: factor, not 0.

    Raises:
        DirectionError: the file is too large, of another format or shape, holds a pickle with code or
        values that
            are not finite, or the binding is wrong.
    """
    if type(scale) not in (int, float) or not 0 < abs(scale) <= np.finfo(np.float32).max:
        raise DirectionError(f"A direction's scale is a number other than 0, not {scale!r}.")
    kept, span = list(check_layers(layers)), check_range(limits)
    payload = _bytes(source)
    array = _read_npy(payload) if payload.startswith(b"\x93NUMPY") else _read_pt(payload)
    if not np.isfinite(array).all():
        raise DirectionError("The direction holds values that are not finite.")
    moved = _per_layer(array).astype(np.float64) * scale
    longest = np.sqrt(np.square(moved[kept]).sum(1)).max()
    if not longest <= MAX_SHIFT:
        raise DirectionError(
            f"With a scale of {scale:g} the direction moves a style code by {longest:.2g}; {MAX_SHIFT:g} is the most, "
            "and a face lies about 10 from the mean: give a smaller scale."
        )
    chosen = np.zeros((LAYERS, LATENT), np.float32)
    chosen[kept] = moved[kept]
    origin = {"provenance": "foreign", "shape": list(array.shape), "scale": scale}
    return Direction(name, chosen, tuple(kept), span, metadata=origin)


def name_of(path: Path) -> str:
    """What to call the direction in a file: its stem in lower case, with ``_`` for what a name cannot have."""
    return re.sub(r"[^a-z0-9]+", "_", path.stem.lower())[:40].strip("_") or "direction"


def _bytes(source: str | Path | bytes) -> bytes:
    if not isinstance(source, bytes):
        try:
            with Path(source).open("rb") as file:
                source = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DirectionError(f"The direction cannot be read: {reason}.") from error
    if len(source) > MAX_BYTES:
        of_torch = source.startswith((b"PK", b"\x80"))
        raise DirectionError(f"The file is larger than 1 MB: no direction is.{_SLICE if of_torch else ''}")
    return source


def _read_npy(payload: bytes) -> np.ndarray:
    stream = io.BytesIO(payload)
    try:
        version = np.lib.format.read_magic(stream)
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = reader(stream)
        if dtype.hasobject:
            raise DirectionError("The file holds Python objects, which could run code; only plain numbers are read.")
        _check_shape(shape)  # before anything of that size is allocated
        return _floats(np.load(io.BytesIO(payload), allow_pickle=False))
    except DirectionError:
        raise
    except Exception as error:  # a damaged header can fail in numpy's parser in any way
        raise DirectionError("The file is not a sound .npy file.") from error


def _read_pt(payload: bytes) -> np.ndarray:
    import torch

    if payload.startswith(b"PK"):
        try:
            with zipfile.ZipFile(io.BytesIO(payload)) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > 4 * MAX_BYTES:
                    raise DirectionError(f"The file unpacks to more than 4 MB: no direction does.{_SLICE}")
        except DirectionError:
            raise
        except Exception as error:  # damaged entries can fail in zipfile's parser in many ways
            raise DirectionError("The file is neither a .npy nor a .pt file.") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if payload.startswith((b"PK", b"\x80")):
            reason = "The file holds Python objects, which could run code; only a plain tensor is read."
        else:
            reason = "The file is neither a .npy nor a .pt file."
        raise DirectionError(reason) from error
    except Exception as error:  # torch.load's other failures have no common type
        raise DirectionError("The file is neither a .npy nor a .pt file.") from error
    if not isinstance(value, torch.Tensor):
        raise DirectionError(f"The file holds a {type(value).__name__}; a direction is one tensor.")
    _check_shape(tuple(value.shape))
    plain = value.layout == torch.strided and value.device.type == "cpu" and not value.is_quantized
    if not plain or not value.is_floating_point():
        raise DirectionError("A direction is an array of real numbers.")
    return _floats(value.detach().double().numpy())


def _check_shape(shape: tuple[int, ...]) -> None:
    trimmed = tuple(shape)
    while len(trimmed) > 1 and trimmed[0] == 1:
        trimmed = trimmed[1:]
    allowed = {(LATENT,), (LAYERS, LATENT), (_STYLEGAN2_LAYERS, LATENT), (_STYLEGAN2_LAYERS * LATENT,)}
    if trimmed not in allowed or len(shape) > 3:
        raise DirectionError(f"A direction has the shape {_SHAPES}, not {tuple(shape)}.")


def _floats(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f":
        raise DirectionError("A direction is an array of real numbers.")
    with np.errstate(over="ignore"):  # what overflows is refused as not finite
        return array.astype(np.float32)


def _per_layer(array: np.ndarray) -> np.ndarray:
    """``(16, 512)``: the same row for all layers, or the first 16 rows."""
    rows = array.reshape(-1, LATENT)
    return np.repeat(rows, LAYERS, axis=0) if len(rows) == 1 else rows[:LAYERS]
