"""From a photo to an aligned face, and back into the photo.

Faces are found with dlib's HOG detector (Dalal & Triggs 2005; King 2015, arXiv:1502.00046) and its 68
landmarks (Kazemi & Sullivan 2014). The crop is the one of the FFHQ data set (Karras et al. 2017,
arXiv:1710.10196, appendix C, as used for FFHQ in arXiv:1812.04948): an upright square placed by eyes and
mouth, the photo reflected and blurred where the square reaches past it.

Coordinates are continuous: a pixel's centre lies at its index plus one half.
"""

from __future__ import annotations

import functools
import math
import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from hsc.errors import FaceError, ImageError

SIZE = 1024
"""Side of the aligned crop, in pixels."""
SMALL_FACE = 64
"""Faces with a smaller side, in pixels of the photo, are aligned with a warning."""

# Longer side of the picture that the detector sees. It finds faces of 80 pixels or more: 6% of the side at
# first, 3% when nothing was found. Small photos are enlarged, but not more than twice.
_SIDES = (1280, 2560)
_MAX_ENLARGEMENT = 2.0
# A photo without orientation data may lie on a side. Where no upright face scores as much as the first
# number, turned ones are searched, and must score more by the second: chins and brows of turned faces score
# up to 0.7.
_SURE = 1.0
_TURNED_MARGIN = 0.5
# Beside a sure face, finds that score less than this are mostly no faces.
_FAINT = 0.1
# Two finds are one face where their middles are closer than this share of the larger one's side.
_SAME_FACE = 0.3
# Side of a face box where landmarks are searched: the predictor gives whole pixels only.
_LANDMARK_SIDE = 400
# Width of the seam of a face that is pasted back, as a fraction of the crop's side.
_FEATHER = 0.12
# Largest differences of a channel, in 8-bit steps, up to which an edit is added to the photo's own pixels, and from
# which the edited restoration replaces them.
_SLIGHT, _STRONG = 8.0, 32.0
# Deviation of the light and colour that a photo and its restoration differ in, as a fraction of the crop's side.
_SEAM = 0.03
MUCH_CHANGED = 0.45
"""Share of the picture that an edit replaces, from which its seam may show in a photo."""


@dataclass(frozen=True)
class Face:
    """One face in a photo.

    Attributes:
        box: left, top, right, bottom in pixels of the photo; may reach past it.
        landmarks: dlib's 68 points (68, 2), x and y in pixels of the photo.
        score: the detector's confidence, above 0.
    """

    box: tuple[float, float, float, float]
    landmarks: np.ndarray = field(compare=False, repr=False)
    score: float

    @property
    def side(self) -> float:
        """Shorter side of the box, in pixels."""
        left, top, right, bottom = self.box
        return min(right - left, bottom - top)


@dataclass(frozen=True)
class Alignment:
    """How an aligned crop lies in its photo.

    Attributes:
        matrix: (2, 3), from the crop's unit square (x, y in [0, 1]) to pixels of the photo: rotation, uniform
            scale and shift.
        photo_size: width and height of the photo in pixels.
        face: the face that was aligned.
        notes: sentences for the user: another face was there, the face is small.
    """

    matrix: np.ndarray = field(compare=False)
    photo_size: tuple[int, int]
    face: Face
    notes: tuple[str, ...] = ()

    @property
    def side(self) -> float:
        """Side of the crop in pixels of the photo."""
        return math.hypot(*self.matrix[:, 0])

    @property
    def inverse(self) -> np.ndarray:
        """(2, 3), from pixels of the photo to the crop's unit square."""
        linear = np.linalg.inv(self.matrix[:, :2])
        return np.column_stack([linear, -linear @ self.matrix[:, 2]])

    @property
    def quad(self) -> np.ndarray:
        """Corners (4, 2) of the crop in pixels of the photo, clockwise from the top left."""
        return _apply(self.matrix, np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]))

    def to_crop(self, points: np.ndarray, size: int = SIZE) -> np.ndarray:
        """Points (..., 2) of the photo as points of a crop of ``size`` pixels."""
        return _apply(self.inverse, points) * size


def detect(photo: Image.Image) -> list[Face]:
    """All faces of a photo, largest first; empty if there are none.

    Frontal and half-profile faces of at least 6% of the photo's longer side are found (3% if there is no
    larger one), and if no face is upright, one that lies on its side or is upside down.

    Args:
        photo: RGB, upright, at most :data:`hsc.imaging.images.MAX_PIXELS`; see :func:`hsc.imaging.images.open_image`.
    """
    photo = photo.convert("RGB")
    faces = _detect_at(photo, _SIDES[0])
    best = _best(faces)
    if best < _SURE:
        for turn in (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_180):
            turned = _detect_at(photo.transpose(turn), _SIDES[0])
            if _best(turned) > max(best, 0.0) + _TURNED_MARGIN:
                faces, best = [_turned_back(face, turn, photo.size) for face in turned], _best(turned)
    faces = faces or _detect_at(photo, _SIDES[1])
    if _best(faces) >= _SURE:
        faces = [face for face in faces if face.score >= _FAINT]
    return sorted(_distinct(faces), key=lambda face: np.linalg.det(ffhq_square(face.landmarks)[:, :2]), reverse=True)


def select(faces: list[Face], index: int | None = None) -> tuple[Face, tuple[str, ...]]:
    """Pick one face and say what the user should know about it.

    Args:
        faces: as :func:`detect` gives them, largest first.
        index: 0 for the largest; ``None`` for the largest as well, with a note if there are others.

    Raises:
        FaceError: there is no face, or none of that index.
    """
    if not faces:
        raise FaceError("No face was found: the photo should show one from the front, not too small.")
    if index is not None and not 0 <= index < len(faces):
        count = "is 1 face" if len(faces) == 1 else f"are {len(faces)} faces"
        raise FaceError(f"There is no face {index}: there {count}, counted from 0, largest first.")
    notes = []
    if index is None and len(faces) > 1:
        notes.append(f"{len(faces)} faces were found; the largest is used.")
    face = faces[index or 0]
    if face.side < SMALL_FACE:
        notes.append(f"The face is only {face.side:.0f} pixels large: expect a soft picture.")
    return face, tuple(notes)


def align(
    photo: Image.Image, index: int | None = None, size: int = SIZE, faces: list[Face] | None = None
) -> tuple[Image.Image, Alignment]:
    """The aligned crop (size x size) of one face of a photo, and how it lies there.

    Args:
        photo: RGB, upright.
        index: which face, 0 for the largest; see :func:`select`.
        size: side of the crop in pixels.
        faces: what :func:`detect` found in this photo, if it is known already.

    Raises:
        FaceError: see :func:`select`.
    """
    face, notes = select(detect(photo) if faces is None else faces, index)
    alignment = Alignment(ffhq_square(face.landmarks), photo.size, face, notes)
    return cut(photo, alignment, size), alignment


def ffhq_square(landmarks: np.ndarray) -> np.ndarray:
    """FFHQ's square around a face, from its 68 landmarks (68, 2) in pixels.

    Its horizontal axis is the mean of the eye line and of the normal of the line from eyes to mouth; half its
    side is the greater of 2 eye distances and 1.8 eye-mouth distances; its centre lies a tenth of the way
    from the eyes to the mouth.

    Returns:
        (2, 3), from the unit square to pixels.
    """
    left_eye, right_eye = landmarks[36:42].mean(0), landmarks[42:48].mean(0)
    eyes, mouth = (left_eye + right_eye) / 2, (landmarks[48] + landmarks[54]) / 2
    eye_to_eye, eye_to_mouth = right_eye - left_eye, mouth - eyes
    normal = np.array([eye_to_mouth[1], -eye_to_mouth[0]])
    direction = eye_to_eye + normal
    length = np.hypot(*direction)
    if not length > 0:
        raise FaceError("The face's landmarks coincide: it cannot be aligned.")
    half = max(2.0 * np.hypot(*eye_to_eye), 1.8 * np.hypot(*eye_to_mouth))
    across = direction / length * half
    down = np.array([-across[1], across[0]])
    corner = eyes + 0.1 * eye_to_mouth - across - down
    return np.column_stack([2 * across, 2 * down, corner])


def cut(photo: Image.Image, alignment: Alignment, size: int = SIZE) -> Image.Image:
    """Sample the aligned crop (size x size) from the photo."""
    quad, width, height = alignment.quad, *photo.size
    # Work on the part of the photo around the square, shrunk so that one of its pixels is about one of the
    # crop.
    margin = max(2.0, 0.02 * alignment.side)
    low, high = np.floor(quad.min(0) - margin), np.ceil(quad.max(0) + margin)
    box = (max(int(low[0]), 0), max(int(low[1]), 0), min(int(high[0]), width), min(int(high[1]), height))
    if box[0] >= box[2] or box[1] >= box[3]:
        raise FaceError("The face lies outside the photo.")
    scale = min(1.0, size / alignment.side)
    part_size = _scaled((box[2] - box[0], box[3] - box[1]), scale)
    part = photo.convert("RGB").resize(part_size, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
    factors = np.array(part_size) / (box[2] - box[0], box[3] - box[1])
    # Where the square reaches past the photo, the photo is reflected.
    before = np.ceil(np.maximum(box[:2] - low, 0) * factors).astype(int)
    after = np.ceil(np.maximum(high - box[2:], 0) * factors).astype(int)
    if before.any() or after.any():
        part = _reflect(part, before, after, blur=0.02 * alignment.side * scale)
    matrix = alignment.matrix.copy()
    matrix[:, 2] -= box[:2]
    matrix = matrix * factors[:, None]
    matrix[:, 2] += before
    matrix[:, :2] /= size
    return part.transform((size, size), Image.Transform.AFFINE, matrix.ravel().tolist(), Image.Resampling.BICUBIC)


def paste_back(
    photo: Image.Image,
    face_image: Image.Image,
    alignment: Alignment,
    unedited: Image.Image | None = None,
    share: Image.Image | None = None,
) -> Image.Image:
    """Put an aligned picture back into the photo it was cut from, with a soft seam.

    With the unedited picture beside it, only what the edit changed is put there. Where the two agree, the photo keeps
    its own pixels; where they differ a little, as under makeup, the photo's pixels change by as much and keep their
    texture; where they differ much, the edited picture is shown, in the photo's light and colour.

    Args:
        photo: the photo, RGB, of the size that was aligned.
        face_image: square, RGB, any size; shown at the photo's resolution.
        alignment: as :func:`align` gave it for this photo.
        unedited: ``face_image`` before it was edited; None pastes the whole square.
        share: how much of each place of the square is this face's, mode L, square; see
            :func:`hsc.imaging.neighbours.shares`. None for all.

    Raises:
        ImageError: the photo has another size than the aligned one.
    """
    if photo.size != tuple(alignment.photo_size):
        width, height = alignment.photo_size
        raise ImageError(f"The face was aligned in a photo of {width} x {height} pixels; this one is another.")
    result = photo.convert("RGB").copy()
    quad = alignment.quad
    low = np.clip(np.floor(quad.min(0)), 0, photo.size).astype(int)
    high = np.clip(np.ceil(quad.max(0)), 0, photo.size).astype(int)
    region = (*low.tolist(), *high.tolist())
    inverse = alignment.inverse
    inverse[:, 2] += inverse[:, :2] @ low

    def placed(image: Image.Image, filter: Image.Resampling) -> Image.Image:
        matrix = inverse * np.array(image.size)[:, None]
        size = tuple((high - low).tolist())
        return image.transform(size, Image.Transform.AFFINE, matrix.ravel().tolist(), filter)

    def shown(image: Image.Image) -> Image.Image:
        image = image.convert("RGB")
        if alignment.side < image.width:  # shrink first: the affine sampling does not average
            shrunk = max(1, round(alignment.side))
            image = image.resize((shrunk, shrunk), Image.Resampling.LANCZOS, reducing_gap=3.0)
        return placed(image, Image.Resampling.BICUBIC)

    own, face = result.crop(region), shown(face_image)
    # The mask is 0 before the crop ends, so the colour that fills the outside is never seen.
    mask = _feathered_mask(512)
    if share is not None:
        mask = ImageChops.multiply(mask, share.resize(mask.size, Image.Resampling.BILINEAR))
    edge = placed(mask, Image.Resampling.BILINEAR)
    if unedited is not None:
        amount = placed(_change(face_image, unedited), Image.Resampling.BILINEAR)
        face = _transferred(own, face, shown(unedited), amount, _SEAM * alignment.side)
    result.paste(Image.composite(face, own, edge), region)
    return result


def changed_share(face_image: Image.Image, unedited: Image.Image) -> float:
    """How much of a picture an edit replaces, 0 to 1; above :data:`MUCH_CHANGED` a photo hardly takes it unseen."""
    return float(np.asarray(_change(face_image, unedited), np.float32).mean()) / 255


def locate(image: Image.Image, box: tuple[float, float, float, float]) -> np.ndarray:
    """dlib's 68 landmarks (68, 2) of the face in a given box, in pixels of the picture."""
    left, top, right, bottom = box
    side = max(right - left, bottom - top)
    scale = _LANDMARK_SIDE / side
    # The predictor looks a little past the box; half a side around it is plenty.
    area = (left - side / 2, top - side / 2, right + side / 2, bottom + side / 2)
    low = np.floor(np.maximum(area[:2], 0)).astype(int)
    high = np.ceil(np.minimum(area[2:], image.size)).astype(int)
    if (high <= low).any():
        raise FaceError("The face lies outside the photo.")
    size = _scaled(tuple((high - low).tolist()), scale)
    part = image.resize(size, Image.Resampling.BILINEAR, box=(*low.tolist(), *high.tolist()), reducing_gap=2.0)
    factors = np.array(size) / (high - low)
    corners = (np.array(box).reshape(2, 2) - low) * factors
    points = _models().landmarks(np.asarray(part.convert("RGB")), corners.ravel())
    return points / factors + low


def landmarks_of(aligned: Image.Image) -> np.ndarray | None:
    """dlib's 68 landmarks (68, 2) of an aligned face as shares of the picture's side; None where no face is seen."""
    faces = detect(aligned)
    return faces[0].landmarks / aligned.width if faces else None


class _Models:
    """dlib's detector and landmark predictor. The detector keeps buffers, so one caller at a time."""

    def __init__(self) -> None:
        import dlib
        import face_recognition_models

        self._dlib: Any = dlib
        self._detector = dlib.get_frontal_face_detector()
        self._predictor = dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())
        self._lock = threading.Lock()

    def boxes(self, pixels: np.ndarray) -> list[tuple[tuple[float, float, float, float], float]]:
        """Boxes and scores of the faces in (H, W, 3) uint8."""
        with self._lock:
            found, scores, _ = self._detector.run(np.ascontiguousarray(pixels), 0, 0.0)
        boxes = [(box.left(), box.top(), box.right() + 1, box.bottom() + 1) for box in found]
        return list(zip(boxes, scores))

    def landmarks(self, pixels: np.ndarray, box: np.ndarray) -> np.ndarray:
        """68 points (68, 2) of the face in a box (left, top, right, bottom) of (H, W, 3) uint8."""
        left, top, right, bottom = (int(round(value)) for value in box)
        rectangle = self._dlib.rectangle(left, top, right - 1, bottom - 1)
        with self._lock:
            shape = self._predictor(np.ascontiguousarray(pixels), rectangle)
        return np.array([(point.x + 0.5, point.y + 0.5) for point in shape.parts()])


@functools.lru_cache(maxsize=1)
def _models() -> _Models:
    return _Models()


def release_models() -> None:
    """Let go of the detector and the landmark predictor, 100 MB; whoever looks for faces again waits half a second."""
    _models.cache_clear()


def _detect_at(photo: Image.Image, side: int) -> list[Face]:
    """Faces of a photo, in its pixels; the detector sees it scaled to a longer side of ``side``."""
    size = _scaled(photo.size, min(side / max(photo.size), _MAX_ENLARGEMENT))
    seen = photo.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    factors = np.array(size) / photo.size
    faces = []
    for box, score in _models().boxes(np.asarray(seen)):
        left, top, right, bottom = (np.array(box).reshape(2, 2) / factors).ravel().tolist()
        found = left, top, right, bottom
        faces.append(Face(found, locate(photo, found), float(score)))
    return faces


def _distinct(faces: list[Face]) -> list[Face]:
    """Without those that are a surer one again: the detector may find a face twice, in boxes of neighbouring sizes.

    The middles of two people's faces are a face apart, even cheek to cheek; those of one face found twice are not.
    """
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: face.score, reverse=True):
        if all(_apart(face, other) for other in kept):
            kept.append(face)
    return kept


def _apart(first: Face, second: Face) -> bool:
    """Whether two finds are two faces."""
    between = np.linalg.norm(first.landmarks.mean(0) - second.landmarks.mean(0))
    return bool(between > _SAME_FACE * max(first.side, second.side))


def _best(faces: list[Face]) -> float:
    """The highest score, below 0 if there is no face."""
    return max((face.score for face in faces), default=-1.0)


def _turned_back(face: Face, turn: Image.Transpose, size: tuple[int, int]) -> Face:
    """A face found in a turned photo, in pixels of the photo, which has the given width and height."""
    width, height = size

    def back(points: np.ndarray) -> np.ndarray:
        x, y = points[..., 0], points[..., 1]
        turned = {
            Image.Transpose.ROTATE_90: (width - y, x),
            Image.Transpose.ROTATE_270: (y, height - x),
            Image.Transpose.ROTATE_180: (width - x, height - y),
        }[turn]
        return np.stack(turned, axis=-1)

    corners = back(np.array(face.box).reshape(2, 2))
    box = (*corners.min(0).tolist(), *corners.max(0).tolist())
    return Face(box, back(face.landmarks), face.score)


def _reflect(part: Image.Image, before: np.ndarray, after: np.ndarray, blur: float) -> Image.Image:
    """Extend a picture by reflection; the farther out, the more blurred, and at last its median colour.

    Args:
        before, after: (x, y) pixels to add left and above, right and below.
        blur: deviation of the blur in pixels.
    """
    pad = ((before[1], after[1]), (before[0], after[0]), (0, 0))
    extended = np.pad(np.asarray(part), pad, mode="symmetric")
    height, width, _ = extended.shape

    def depth(length: int, low: int, high: int) -> np.ndarray:
        """How far out each line is: 0 at the photo's edge, 1 at the end, below 0 inside."""
        index = np.arange(length)
        inside = np.full(length, -1.0)
        if low:
            inside = np.maximum(inside, 1 - index / low)
        if high:
            inside = np.maximum(inside, 1 - (length - 1 - index) / high)
        return inside

    outside = np.maximum(
        depth(height, before[1], after[1])[:, None], depth(width, before[0], after[0])[None, :]
    ).astype(np.float32)[..., None]
    picture = extended.astype(np.float32)
    blurred = np.asarray(Image.fromarray(extended).filter(ImageFilter.GaussianBlur(blur)), dtype=np.float32)
    picture += (blurred - picture) * np.clip(outside * 3, 0, 1)
    picture += (np.median(picture, axis=(0, 1)) - picture) * np.clip(outside, 0, 1)
    return Image.fromarray(np.rint(np.clip(picture, 0, 255)).astype(np.uint8))


def _feathered_mask(size: int) -> Image.Image:
    """White in the middle, smoothly black towards the edges; mode L."""
    centre = (np.arange(size) + 0.5) / size
    edge = np.clip(np.minimum(centre, 1 - centre) / _FEATHER, 0, 1)
    ramp = edge * edge * (3 - 2 * edge)
    return Image.fromarray(np.rint(255 * ramp[:, None] * ramp[None, :]).astype(np.uint8))


def _change(face_image: Image.Image, unedited: Image.Image) -> Image.Image:
    """Where an edit replaces what was there, softly: mode L, 256 pixels a side."""
    size = (256, 256)
    pixels = [
        np.asarray(image.convert("RGB").resize(size, Image.Resampling.BOX), np.float32)
        for image in (face_image, unedited)
    ]
    largest = np.abs(pixels[0] - pixels[1]).max(2)
    # Noise of the generator is not an edit, and neither is a change of colour alone: see :func:`paste_back`.
    amount = np.clip((largest - _SLIGHT) / (_STRONG - _SLIGHT), 0, 1)
    spread = Image.fromarray(np.rint(255 * amount).astype(np.uint8)).filter(ImageFilter.MaxFilter(9))
    return spread.filter(ImageFilter.GaussianBlur(4))


def _transferred(
    own: Image.Image, face: Image.Image, unedited: Image.Image, amount: Image.Image, blur: float
) -> Image.Image:
    """An edit carried over from a restoration to the photo, all of one size.

    Args:
        own: the photo.
        face, unedited: the restoration after and before the edit.
        amount: how far the edited restoration itself is shown, mode L.
        blur: deviation, in pixels, of the light and colour that the photo and its restoration differ in.
    """
    photo, after, before = (np.asarray(image, np.float32) for image in (own, face, unedited))
    light = [np.asarray(image.filter(ImageFilter.GaussianBlur(blur)), np.float32) for image in (own, unedited)]
    share = np.asarray(amount, np.float32)[..., None] / 255
    slight = photo + (after - before)
    strong = after + (light[0] - light[1])
    return Image.fromarray(np.rint(np.clip(slight + share * (strong - slight), 0, 255)).astype(np.uint8))


def _apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
