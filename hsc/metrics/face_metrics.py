"""How good a restored face is, and what it cost.

Plain functions on tensors (B, 3, H, W) in [-1, 1] come first; :class:`FaceMetrics` runs all of them on a
picture and its restoration. Rates count every byte of the file.
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from hsc.errors import FaceError, WeightsError
from hsc.imaging import alignment, images
from hsc.metrics import dists
from hsc.metrics.dists import DISTS
from hsc.metrics.identity import IdentityNetwork, crop, crop_ffhq, five_points
from hsc.metrics.lpips import LPIPS, FeatureStack
from hsc.runtime import packages

_MAX_PSNR = 100.0


def psnr(first: Tensor, second: Tensor) -> Tensor:
    """Peak signal-to-noise ratio (B,) in dB over all pixels and channels; 100 for equal pictures."""
    error = ((first - second) / 2).double().square().mean(dim=(1, 2, 3))
    return (-10 * error.clamp(min=10 ** (-_MAX_PSNR / 10)).log10()).float()


def ms_ssim(first: Tensor, second: Tensor) -> Tensor:
    """Multi-scale structural similarity (B,), 1 for equal pictures (Wang et al. 2003).

    Raises:
        ValueError: the pictures are 160 pixels small or less: five scales need more.
        HSCError: the package pytorch-msssim is not installed.
    """
    if min(first.shape[-2:]) <= 160:
        raise ValueError(f"MS-SSIM needs more than 160 pixels a side, not {tuple(first.shape[-2:])}")
    compute = packages.require("pytorch_msssim", "Measuring", "compare").ms_ssim
    # SSIM compares mean luminances, hence depends on where zero is: it is defined on [0, 1].
    return compute((first + 1) / 2, (second + 1) / 2, data_range=1.0, size_average=False)


def identity_cosine(network: IdentityNetwork, first: Tensor, second: Tensor, points: Tensor | None = None) -> Tensor:
    """Cosine (B,) of the identity embeddings of two pictures of aligned faces.

    Args:
        points: five points (B, 5, 2) or (5, 2) in pixels, found in ``first`` and used for both pictures, so
            that a moved feature counts as a change; their average place in FFHQ-aligned faces by default.
    """
    with torch.no_grad():
        crops = [crop_ffhq(p) if points is None else crop(p, points) for p in (first, second)]
        return (network(crops[0]) * network(crops[1])).sum(dim=1)


def landmark_error(reference: np.ndarray, found: np.ndarray) -> float:
    """Mean distance of 68 landmarks (68, 2) over the distance of the reference's eye centres.

    Raises:
        FaceError: the reference's eyes coincide.
    """
    eyes = np.linalg.norm(reference[36:42].mean(0) - reference[42:48].mean(0))
    if not eyes > 0:
        raise FaceError("The face's eyes coincide.")
    return float(np.linalg.norm(reference - found, axis=1).mean() / eyes)


def face_distance(first: Image.Image, second: Image.Image, face: alignment.Face) -> float:
    """Euclidean distance of dlib's 128-d face descriptors; below 0.6 counts as the same person.

    Args:
        face: found in ``first``, used for both pictures.
    """
    descriptors = [_recognition().descriptor(picture, face) for picture in (first, second)]
    return float(np.linalg.norm(descriptors[0] - descriptors[1]))


def descriptor(picture: Image.Image, face: alignment.Face) -> np.ndarray:
    """dlib's descriptor (128,) of a face that was found in a picture."""
    return _recognition().descriptor(picture, face)


def vgg_features(stack: FeatureStack, image: Tensor) -> Tensor:
    """VGG16's last activation, averaged over positions (B, 512); pictures are brought to 256 pixels first."""
    with torch.no_grad():
        return stack(_resize(image, 256))[-1].mean(dim=(2, 3))


def frechet_vgg16(first: Tensor, second: Tensor) -> float:
    """Frechet distance of two sets of :func:`vgg_features` (N, 512) and (M, 512), taken as Gaussians.

    The formula is the one of FID (Heusel et al. 2017, arXiv:1706.08500), the features are not: the numbers
    compare with each other only. Sets of fewer than some thousands are biased upwards; compare equal sizes.
    """
    first, second = first.double(), second.double()
    # tr sqrt(A B) of the covariances A = X'X, B = Y'Y is the nuclear norm of X Y'.
    x, y = ((set_ - set_.mean(0)) / max(len(set_) - 1, 1) ** 0.5 for set_ in (first, second))
    mean = (first.mean(0) - second.mean(0)).square().sum()
    return float(mean + x.square().sum() + y.square().sum() - 2 * torch.linalg.matrix_norm(x @ y.T, "nuc"))


@dataclass(frozen=True)
class Scores:
    """One restoration compared with its original.

    Attributes:
        lpips_alex: LPIPS-Alex at the original's size (1024 for aligned faces). The main figure.
        lpips_vgg_256: LPIPS-VGG at 256.
        dists: DISTS at 256, ``None`` without its weights.
        psnr: dB.
        ms_ssim: 0 to 1.
        identity: cosine of identity embeddings, ``None`` without the network.
        face_distance: of dlib's descriptors, ``None`` if no face is found in the original.
        landmarks: error over eye distance, ``None`` if no face is found in the original.
        detected: a face detector finds the same face in the restoration; ``None`` as above.
        missing: why a score is ``None``, by its name.
    """

    lpips_alex: float
    lpips_vgg_256: float
    dists: float | None
    psnr: float
    ms_ssim: float
    identity: float | None
    face_distance: float | None
    landmarks: float | None
    detected: bool | None
    missing: dict[str, str]


@dataclass(frozen=True)
class Original:
    """An original with everything that its restorations are compared with."""

    picture: Image.Image
    tensor: Tensor
    face: alignment.Face | None
    alex: list[Tensor]
    vgg: list[Tensor]
    dists: list[Tensor] | None


class FaceMetrics:
    """All scores of restored aligned faces. Networks are loaded when they are first needed.

    What is computed of an original is kept for the last one, so that several restorations of it cost less.
    """

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self._last: Original | None = None

    @functools.cached_property
    def alex(self) -> LPIPS:
        """LPIPS-Alex."""
        return LPIPS.load("alex").to(self.device)

    @functools.cached_property
    def vgg(self) -> LPIPS:
        """LPIPS-VGG; its ``stack`` gives the features of :func:`vgg_features`."""
        return LPIPS.load("vgg").to(self.device)

    @functools.cached_property
    def dists(self) -> DISTS | WeightsError:
        """DISTS, or why there is none."""
        try:
            return DISTS.load().to(self.device)
        except WeightsError as error:
            return error

    @functools.cached_property
    def network(self) -> IdentityNetwork | WeightsError:
        """The identity network, or why there is none."""
        try:
            return IdentityNetwork.load().to(self.device)
        except WeightsError as error:
            return error

    def prepare(self, picture: Image.Image) -> Original:
        """Everything about an original (RGB) that does not depend on its restoration.

        Raises:
            WeightsError: LPIPS's weights are missing and cannot be fetched.
        """
        tensor = images.to_tensor(picture).to(self.device)
        # Of several faces the one that alignment was made for: it fills most of the frame.
        frame = (0.0, 0.0, float(picture.width), float(picture.height))
        face = max(alignment.detect(picture), key=lambda face: _overlap(face.box, frame), default=None)
        with torch.no_grad():
            alex, vgg = self.alex.features(tensor), self.vgg.features(_resize(tensor, 256))
            small = _resize(tensor, dists.SIZE)
            structure = None if isinstance(self.dists, WeightsError) else self.dists.features(small)
        return Original(picture, tensor, face, alex, vgg, structure)

    def compare(self, original: Image.Image, restored: Image.Image) -> Scores:
        """Scores of a restoration (RGB, any size) against its original; it is resized to the original's size.

        Raises:
            WeightsError: LPIPS's weights are missing and cannot be fetched.
            ValueError: the original has 160 pixels a side or less.
        """
        if self._last is None or self._last.picture is not original:
            self._last = self.prepare(original)
        return self.score(self._last, restored)

    def score(self, known: Original, restored: Image.Image) -> Scores:
        """Scores of a restoration against an original that :meth:`prepare` has seen; see :meth:`compare`."""
        if restored.size != known.picture.size:
            restored = restored.resize(known.picture.size, Image.Resampling.LANCZOS)
        original, face = known.picture, known.face
        second = images.to_tensor(restored).to(self.device)
        missing: dict[str, str] = {}
        distance = landmarks = detected = cosine = structure = None
        if face is None:
            for name in ("face_distance", "landmarks", "detected"):
                missing[name] = "No face is found in the original."
        else:
            distance = face_distance(original, restored, face)
            landmarks = landmark_error(face.landmarks, alignment.locate(restored, face.box))
            detected = any(_overlap(face.box, other.box) > 0.5 for other in alignment.detect(restored))
        if isinstance(self.network, WeightsError):
            missing["identity"] = str(self.network)
        else:
            # Landmarks count from a pixel's corner, sampling from its centre.
            points = None if face is None else five_points(torch.from_numpy(face.landmarks).float()) - 0.5
            cosine = identity_cosine(self.network, known.tensor, second, points).item()
        if isinstance(self.dists, WeightsError):
            missing["dists"] = str(self.dists)
        elif known.dists is not None:
            with torch.no_grad():
                seen = self.dists.features(_resize(second, dists.SIZE))
                structure = self.dists.distance(known.dists, seen).item()
        with torch.no_grad():
            alex = self.alex.distance(known.alex, self.alex.features(second)).item()
            vgg = self.vgg.distance(known.vgg, self.vgg.features(_resize(second, 256))).item()
        return Scores(
            lpips_alex=alex,
            lpips_vgg_256=vgg,
            dists=structure,
            psnr=psnr(known.tensor, second).item(),
            ms_ssim=ms_ssim(known.tensor, second).item(),
            identity=cosine,
            face_distance=distance,
            landmarks=landmarks,
            detected=detected,
            missing=missing,
        )


def _resize(image: Tensor, size: int) -> Tensor:
    if tuple(image.shape[-2:]) == (size, size):
        return image
    return F.interpolate(image, size=(size, size), mode="bilinear", antialias=True, align_corners=False)


def _overlap(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return shared / (areas - shared)


class _Recognition:
    """dlib's face recognition network. It keeps its activations, so one caller at a time."""

    def __init__(self) -> None:
        import dlib
        import face_recognition_models

        self._dlib: Any = dlib
        self._network = dlib.face_recognition_model_v1(face_recognition_models.face_recognition_model_location())
        self._lock = threading.Lock()

    def descriptor(self, image: Image.Image, face: alignment.Face) -> np.ndarray:
        """Descriptor (128,) of a face with known landmarks."""
        left, top, right, bottom = (int(round(value)) for value in face.box)
        points = [self._dlib.point(int(x), int(y)) for x, y in face.landmarks.tolist()]
        box = self._dlib.rectangle(left, top, right - 1, bottom - 1)
        pixels = np.asarray(image.convert("RGB"))
        with self._lock:
            shape = self._dlib.full_object_detection(box, points)
            return np.array(self._network.compute_face_descriptor(pixels, shape))


@functools.lru_cache(maxsize=1)
def _recognition() -> _Recognition:
    return _Recognition()
