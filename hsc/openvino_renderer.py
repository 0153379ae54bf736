"""The generator's suffix on a CPU, several times faster than eager PyTorch.

The same network as :meth:`hsc.generator.Generator.suffix`, stated as an OpenVINO graph and run in float32; the
PyTorch module is the reference that a test compares it with. The graph is built from the weights directly, because
a traced conversion folds every noise map and bias into one full-size constant.
"""

from __future__ import annotations

import math

import numpy as np
import openvino as ov
import torch
from openvino import opset13 as ops
from torch import Tensor

from hsc.generator import LATENT, LAYERS, Generator


class OpenVINORenderer:
    """Features at a level and style codes to pictures, one at a time, on the CPU.

    Args:
        generator: where the weights come from.
        level: generator level of the features that it takes.
        threads: of the CPU, 0 for all.
    """

    def __init__(self, generator: Generator, level: int, threads: int = 0) -> None:
        self._weights = {name: value.cpu().numpy() for name, value in generator.state_dict().items()}
        model = self._build(generator, level)
        config = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if threads:
            config["INFERENCE_NUM_THREADS"] = threads
        self._compiled = ov.Core().compile_model(model, "CPU", config)
        del self._weights

    def __call__(self, features: Tensor, codes: Tensor) -> Tensor:
        """Features ``(1, C, H, W)`` and style codes ``(1, 16, 512)`` to ``(1, 3, 1024, 1024)`` float32."""
        # A request of its own for every call, so that threads of a server never share buffers.
        request = self._compiled.create_infer_request()
        inputs = [np.ascontiguousarray(value.cpu().numpy(), np.float32) for value in (features, codes)]
        request.infer(inputs, share_inputs=True)
        return torch.from_numpy(request.get_output_tensor(0).data.copy())

    def _build(self, generator: Generator, level: int) -> ov.Model:
        size = 4 * 2**level
        channels = len(self._weights[f"blocks.{level}.up.bias"])
        features = ops.parameter([1, channels, size, size], np.float32, name="features")
        codes = ops.parameter([1, LAYERS, LATENT], np.float32, name="codes")
        layers = ops.split(codes, 1, LAYERS)
        code = [ops.reshape(layers.output(i), [1, LATENT], False) for i in range(LAYERS)]
        x = features
        for index in range(level, len(generator.blocks)):
            name, first, second = f"blocks.{index}", code[1 + 2 * index], code[2 + 2 * index]
            x = self._inverse_haar(self._modulate(x, first, f"{name}.up", 1.0))
            x = self._styled(x, first, f"{name}.conv1")
            x = self._styled(x, second, f"{name}.conv2")
        channels = len(self._weights["to_img.style.bias"])
        x = self._modulate(x, code[LAYERS - 1], "to_img.style", 1 / math.sqrt(channels))
        x = self._convolution(x, self._weights["to_img.weight"])
        x = self._inverse_haar(ops.add(x, self._weights["to_img.bias"][None, :, None, None]))
        return ov.Model([x], [features, codes], "suffix")

    def _modulate(self, x: ov.Node, code: ov.Node, name: str, scale: float) -> ov.Node:
        weight, bias = self._weights[f"{name}.weight"] * scale, self._weights[f"{name}.bias"] * scale
        factors = ops.add(ops.matmul(code, weight.astype(np.float32), False, True), bias[None].astype(np.float32))
        return ops.multiply(x, ops.reshape(factors, [1, len(bias), 1, 1], False))

    def _styled(self, x: ov.Node, code: ov.Node, name: str) -> ov.Node:
        depthwise = self._weights[f"{name}.depthwise"]
        x = self._modulate(x, code, f"{name}.style", 1 / math.sqrt(9 * len(depthwise)))
        x = ops.group_convolution(x, depthwise[:, None], [1, 1], [1, 1], [1, 1], [1, 1])
        x = self._convolution(x, self._weights[f"{name}.weight"])
        x = ops.add(x, self._weights[f"{name}.bias"][None, :, None, None])
        x = ops.add(x, self._weights[f"{name}.noise"])
        return ops.prelu(x, np.array([0.2], np.float32))

    @staticmethod
    def _convolution(x: ov.Node, weight: np.ndarray) -> ov.Node:
        return ops.convolution(x, weight, [1, 1], [0, 0], [0, 0], [1, 1])

    @staticmethod
    def _inverse_haar(x: ov.Node) -> ov.Node:
        """See :func:`hsc.generator.inverse_haar`: a fixed 4x4 mix of the bands, then pixel shuffle."""
        channels = x.shape[1] // 4
        # Bands are one block of low-pass channels, then high-pass ones three by three.
        order = np.concatenate([[c, *(channels + 3 * c + np.arange(3))] for c in range(channels)])
        signs = 0.5 * np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]], np.float32)
        weight = np.zeros((channels, 4, 4, 1, 1), np.float32) + signs[None, :, :, None, None]
        x = ops.gather(x, order.astype(np.int64), 1)
        x = ops.group_convolution(x, weight, [1, 1], [0, 0], [0, 0], [1, 1])
        return ops.depth_to_space(x, "depth_first", 2)
