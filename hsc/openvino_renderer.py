"""The generator's suffix on a CPU, several times faster than eager PyTorch.

The same network as :meth:`hsc.generator.Generator.suffix`, stated as an OpenVINO graph and run in float32;
the PyTorch module is the reference that a test compares it with. The graph is built from the weights directly,
so that two things can be stated better than a traced conversion would:

- Noise maps are inputs. As constants, OpenVINO adds each to its layer's bias ahead of time, which gives
  full-size constants, and keeps two copies of them: half a gigabyte for 2.8 MB of noise.
- An inverse Haar step wants each low-pass channel beside its three high-pass ones. The layer before puts its
  channels out in that order, so that nothing is moved.
"""

from __future__ import annotations

import math
import threading

import numpy as np
import openvino as ov
import torch
from openvino import opset13 as ops
from torch import Tensor

from hsc.generator import CHANNELS, LATENT, LAYERS, Generator
from hsc.model import DETAIL_LEVEL


class OpenVINORenderer:
    """Features at a level, style codes and detail to pictures, one at a time, on the CPU.

    Args:
        generator: where the weights come from.
        level: generator level of the features that it takes.
        threads: of the CPU, 0 for all.
    """

    def __init__(self, generator: Generator, level: int, threads: int = 0) -> None:
        self._weights = {name: value.cpu().numpy() for name, value in generator.state_dict().items()}
        self._inputs: list[ov.Node] = []
        self._noise: list[np.ndarray] = []
        side = 4 * 2**DETAIL_LEVEL
        self._no_detail = torch.zeros(1, side, side, CHANNELS[DETAIL_LEVEL - 1])
        model = self._build(generator, level)
        config = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if threads:
            config["INFERENCE_NUM_THREADS"] = threads
        self._compiled = ov.Core().compile_model(model, "CPU", config)
        self._one_at_a_time = threading.Lock()
        del self._weights, self._inputs

    def __call__(self, features: Tensor, codes: Tensor, detail: Tensor | None = None) -> Tensor:
        """To ``(1, 3, 1024, 1024)`` float32.

        Args:
            features: ``(1, C, H, W)``.
            codes: style codes ``(1, 16, 512)``.
            detail: what is added to the features ``(1, 512, 64, 64)`` that come after them.
        """
        # Channels last, as detail comes: turning eight megabytes around would take longer than anything made of them.
        given = (features, codes, self._no_detail if detail is None else detail.permute(0, 2, 3, 1))
        inputs = [np.ascontiguousarray(value.cpu().numpy(), np.float32) for value in given]
        with self._one_at_a_time:  # memory cannot be released while another thread of a server renders
            request = self._compiled.create_infer_request()
            request.infer([*inputs, *self._noise], share_inputs=True)
            picture = torch.from_numpy(request.get_output_tensor(0).data.copy())
            del request
            # Activations of a picture, 130 MB, would otherwise wait for the next one.
            self._compiled.release_memory()
        return picture

    def _build(self, generator: Generator, level: int) -> ov.Model:
        size, blocks = 4 * 2**level, len(generator.blocks)
        channels = len(self._weights[f"blocks.{level}.up.bias"])
        features = ops.parameter([1, channels, size, size], np.float32, name="features")
        codes = ops.parameter([1, LAYERS, LATENT], np.float32, name="codes")
        detail = ops.parameter(list(self._no_detail.shape), np.float32, name="detail")
        self._inputs += [features, codes, detail]
        layers = ops.split(codes, 1, LAYERS)
        code = [ops.reshape(layers.output(i), [1, LATENT], False) for i in range(LAYERS)]
        order = _haar_order(channels)
        x = ops.gather(features, order, 1)
        for index in range(level, blocks):
            name, first, second = f"blocks.{index}", code[1 + 2 * index], code[2 + 2 * index]
            x = _inverse_haar(self._modulate(x, first, f"{name}.up", 1.0, order))
            x = self._styled(x, first, f"{name}.conv1")
            # The last block's channels go to the picture, not to another Haar step.
            channels = len(self._weights[f"{name}.conv2.bias"])
            order = _haar_order(channels) if index + 1 < blocks else np.arange(channels)
            x = self._styled(x, second, f"{name}.conv2", order)
            if index + 1 == DETAIL_LEVEL:
                x = ops.add(x, ops.transpose(ops.gather(detail, order, 3), [0, 3, 1, 2]))
        x = self._modulate(x, code[LAYERS - 1], "to_img.style", 1 / math.sqrt(channels))
        bands = _haar_order(len(self._weights["to_img.bias"]))
        x = _convolution(x, self._weights["to_img.weight"][bands], self._weights["to_img.bias"][bands])
        return ov.Model([_inverse_haar(x)], self._inputs, "suffix")

    def _modulate(
        self, x: ov.Node, code: ov.Node, name: str, scale: float, order: np.ndarray | slice = slice(None)
    ) -> ov.Node:
        weight, bias = self._weights[f"{name}.weight"][order], self._weights[f"{name}.bias"][order]
        factors = ops.matmul(code, weight * np.float32(scale), False, True)
        factors = ops.add(factors, bias[None] * np.float32(scale))
        return ops.multiply(x, ops.reshape(factors, [1, len(bias), 1, 1], False))

    def _styled(
        self, x: ov.Node, code: ov.Node, name: str, order: np.ndarray | slice = slice(None)
    ) -> ov.Node:
        """A styled convolution that puts its channels out in this order."""
        depthwise = self._weights[f"{name}.depthwise"]
        x = self._modulate(x, code, f"{name}.style", 1 / math.sqrt(9 * len(depthwise)))
        x = ops.group_convolution(x, depthwise[:, None], [1, 1], [1, 1], [1, 1], [1, 1])
        x = _convolution(x, self._weights[f"{name}.weight"][order], self._weights[f"{name}.bias"][order])
        x = ops.add(x, self._noise_input(f"{name}.noise"))
        return ops.prelu(x, np.array([0.2], np.float32))

    def _noise_input(self, name: str) -> ov.Node:
        self._noise.append(self._weights[name])
        self._inputs.append(ops.parameter(list(self._weights[name].shape), np.float32, name=name))
        return self._inputs[-1]


def _convolution(x: ov.Node, weight: np.ndarray, bias: np.ndarray) -> ov.Node:
    x = ops.convolution(x, weight, [1, 1], [0, 0], [0, 0], [1, 1])
    return ops.add(x, bias[None, :, None, None])


def _haar_order(channels: int) -> np.ndarray:
    """Where :func:`hsc.generator.inverse_haar` expects each low-pass channel and its three high-pass ones."""
    low = channels // 4
    return np.concatenate([[c, *(low + 3 * c + np.arange(3))] for c in range(low)])


def _inverse_haar(x: ov.Node) -> ov.Node:
    """:func:`hsc.generator.inverse_haar` of bands in :func:`_haar_order`: a 4x4 mix, then pixel shuffle."""
    signs = 0.5 * np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]], np.float32)
    weight = np.zeros((x.shape[1] // 4, 4, 4, 1, 1), np.float32) + signs[None, :, :, None, None]
    x = ops.group_convolution(x, weight, [1, 1], [0, 0], [0, 0], [1, 1])
    return ops.depth_to_space(x, "depth_first", 2)
