"""Faces found in photos, cut as FFHQ cuts them, and put back where they were."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hsc.errors import FaceError, ImageError
from hsc.imaging import alignment, images


def psnr(first: Image.Image, second: Image.Image) -> float:
    error = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    return 10 * np.log10(255**2 / max((error**2).mean(), 1e-9))


def landmarks_like_a_face(eyes: tuple[float, float], mouth: float, angle: float = 0.0) -> np.ndarray:
    """68 points of which only eyes (at the given x) and mouth corners (at the given y) matter."""
    points = np.zeros((68, 2))
    points[36:42, 0], points[42:48, 0] = eyes
    points[48], points[54] = (eyes[0], mouth), (eyes[1], mouth)
    c, s = np.cos(angle), np.sin(angle)
    return points @ np.array([[c, s], [-s, c]])


@pytest.fixture(scope="module")
def photo(portrait_path: Path) -> Image.Image:
    return images.open_image(portrait_path)


@pytest.fixture(scope="module")
def couple(face_paths: list[Path]) -> Image.Image:
    """Two faces in one picture, the larger one on the right."""
    canvas = Image.new("RGB", (1000, 640), "grey")
    for path, side, place in zip(face_paths, (300, 520), ((40, 200), (420, 60))):
        canvas.paste(images.open_image(path).resize((side, side), Image.Resampling.LANCZOS), place)
    return canvas


@pytest.fixture(scope="module")
def aligned(photo: Image.Image) -> tuple[Image.Image, alignment.Alignment]:
    return alignment.align(photo)


def test_square_follows_the_published_formula() -> None:
    # Eyes 60 apart, mouth 70 below: half a side is max(2 * 60, 1.8 * 70) = 126, the centre 7 below the eyes.
    square = alignment.ffhq_square(landmarks_like_a_face((-30, 30), 70))
    assert np.allclose(square, [[252, 0, -126], [0, 252, 7 - 126]])
    turned = alignment.ffhq_square(landmarks_like_a_face((-30, 30), 70, angle=0.4))
    assert np.isclose(np.arctan2(turned[1, 0], turned[0, 0]), 0.4)
    assert np.isclose(np.linalg.det(turned[:, :2]), 252**2)


def test_square_of_coinciding_landmarks_is_refused() -> None:
    with pytest.raises(FaceError, match="coincide"):
        alignment.ffhq_square(np.zeros((68, 2)))


def test_finds_every_face_of_the_wild_photos(wild: Path) -> None:
    for path in sorted(wild.glob("*.jpg"))[::4] + [wild / "scene_01_faces2.jpg"]:
        expected = int(re.search(r"faces(\d+)", path.stem)[1])
        assert len(alignment.detect(images.open_image(path))) == expected, path.name


def test_aligned_faces_lie_where_ffhq_has_them(aligned: tuple[Image.Image, alignment.Alignment]) -> None:
    crop, placed = aligned
    assert crop.size == (1024, 1024) and crop.mode == "RGB"
    points = placed.to_crop(placed.face.landmarks)
    eyes, mouth = points[36:48].mean(0), points[[48, 54]].mean(0)
    # The square stands upright on the eye line and the face's axis, each of which may miss by a little.
    assert abs(points[36:42, 1].mean() - points[42:48, 1].mean()) < 40
    assert abs(eyes[0] - 512) < 60 and abs(mouth[0] - 512) < 60
    assert 440 < eyes[1] < 500 and 680 < mouth[1] < 800


def test_alignment_of_an_aligned_face_changes_little(
    aligned: tuple[Image.Image, alignment.Alignment],
) -> None:
    again = alignment.align(aligned[0])[1]
    assert np.abs(again.quad - [(0, 0), (1024, 0), (1024, 1024), (0, 1024)]).max() < 40


def test_inverse_undoes_the_matrix(aligned: tuple[Image.Image, alignment.Alignment]) -> None:
    placed = aligned[1]
    corners = placed.to_crop(placed.quad, size=1)
    assert np.allclose(corners, [(0, 0), (1, 0), (1, 1), (0, 1)])


def test_unchanged_face_pastes_back_into_the_same_photo(
    photo: Image.Image, aligned: tuple[Image.Image, alignment.Alignment]
) -> None:
    crop, placed = aligned
    back = alignment.paste_back(photo, crop, placed)
    assert back.size == photo.size
    assert psnr(back, photo) > 42


def test_real_photos_paste_back(wild: Path) -> None:
    for name in ("scene_02_faces1", "portrait_03_faces1", "selfie_cc0_01_faces1", "studio_02_faces1"):
        photo = images.open_image(wild / f"{name}.jpg")
        crop, placed = alignment.align(photo)
        assert psnr(alignment.paste_back(photo, crop, placed), photo) > 36, name


def test_faces_at_the_border_paste_back_too(
    photo: Image.Image, aligned: tuple[Image.Image, alignment.Alignment]
) -> None:
    left, top, right, bottom = (round(value) for value in aligned[1].face.box)
    photo = photo.crop((left - 20, top - 30, right + 20, bottom + 20))  # the square is larger than this photo
    crop, placed = alignment.align(photo)
    assert placed.quad.min() < 0 and placed.side > max(photo.size)
    assert psnr(alignment.paste_back(photo, crop, placed), photo) > 36


def test_paste_back_leaves_the_rest_alone_and_has_no_hard_seam(
    photo: Image.Image, aligned: tuple[Image.Image, alignment.Alignment]
) -> None:
    placed = aligned[1]
    white = Image.new("RGB", (512, 512), "white")
    black = Image.new("RGB", photo.size)
    pasted = np.asarray(alignment.paste_back(black, white, placed), dtype=int)[..., 0]
    y, x = np.mgrid[: photo.height, : photo.width] + 0.5
    unit = placed.to_crop(np.stack([x, y], axis=-1), size=1)
    outside = (np.abs(unit - 0.5) > 0.51).any(-1)
    assert (pasted[outside] == 0).all()
    assert (pasted[(np.abs(unit - 0.5) < 0.35).all(-1)] >= 254).all()
    assert max(np.abs(np.diff(pasted, axis=axis)).max() for axis in (0, 1)) < 255 / 6


def test_where_an_edit_changed_nothing_the_photo_keeps_its_pixels(
    photo: Image.Image, aligned: tuple[Image.Image, alignment.Alignment]
) -> None:
    crop, placed = aligned
    restored = crop.resize((512, 512)).resize((1024, 1024))
    assert alignment.paste_back(photo, restored, placed, restored).tobytes() == photo.convert("RGB").tobytes()
    edited = restored.copy()
    edited.paste((200, 30, 60), (400, 700, 620, 800))
    pasted = np.asarray(alignment.paste_back(photo, edited, placed, restored), int)
    changed = np.abs(pasted - np.asarray(photo.convert("RGB"), int)).max(2) > 0
    rows, columns = np.nonzero(changed)
    where = placed.to_crop(np.stack([columns + 0.5, rows + 0.5], 1))
    assert len(where) and (np.abs(where - (510, 750)) < (220, 160)).all()
    middle = np.abs(where - (510, 750)) < (80, 30)
    inside = pasted[rows, columns][middle.all(1)]
    assert np.abs(inside.mean(0) - (200, 30, 60)).max() < 40
    assert 0 < alignment.changed_share(edited, restored) < 0.1 < alignment.MUCH_CHANGED


def test_paste_back_refuses_another_photo(aligned: tuple[Image.Image, alignment.Alignment]) -> None:
    with pytest.raises(ImageError, match="another"):
        alignment.paste_back(Image.new("RGB", (30, 30)), aligned[0], aligned[1])


def test_no_face() -> None:
    for picture in (
        Image.new("RGB", (300, 200), "grey"),
        Image.new("RGB", (1, 1)),
        Image.new("RGB", (3000, 2)),
    ):
        assert alignment.detect(picture) == []
    with pytest.raises(FaceError, match="No face was found"):
        alignment.align(Image.new("RGB", (300, 200)))


def test_several_faces_largest_first_and_told(couple: Image.Image) -> None:
    photo = couple
    faces = alignment.detect(photo)
    assert len(faces) == 2
    areas = [np.linalg.det(alignment.ffhq_square(face.landmarks)[:, :2]) for face in faces]
    assert areas[0] > areas[1]
    assert alignment.align(photo, faces=faces)[1].face == faces[0]
    assert "2 faces" in alignment.align(photo, faces=faces)[1].notes[0]
    chosen = alignment.align(photo, index=1, faces=faces)[1]
    assert chosen.face == faces[1] and not chosen.notes
    for index in (2, -1):
        with pytest.raises(FaceError, match="there are 2 faces"):
            alignment.select(faces, index)


def test_small_face_is_warned_of(photo: Image.Image) -> None:
    face = alignment.detect(photo)[0]
    factor = 50 / face.side
    small = photo.resize((round(photo.width * factor), round(photo.height * factor)), Image.Resampling.LANCZOS)
    crop, placed = alignment.align(small)
    assert crop.size == (1024, 1024)
    assert any("pixels large" in note for note in placed.notes)


@pytest.mark.parametrize("turn", [
    Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270,
])  # fmt: skip
def test_turned_photo_gives_the_upright_face(
    photo: Image.Image, aligned: tuple[Image.Image, alignment.Alignment], turn: Image.Transpose
) -> None:
    turned = photo.transpose(turn)
    crop, placed = alignment.align(turned, size=256)
    assert psnr(crop, aligned[0].resize((256, 256), Image.Resampling.LANCZOS)) > 20
    assert psnr(alignment.paste_back(turned, alignment.cut(turned, placed), placed), turned) > 40


def test_large_photo_gives_the_same_face(photo: Image.Image, aligned: tuple[Image.Image, alignment.Alignment]) -> None:
    large = photo.resize((photo.width * 5, photo.height * 5), Image.Resampling.BICUBIC)
    placed = alignment.align(large, size=64)[1]
    assert np.abs(placed.quad / 5 - aligned[1].quad).max() < 0.03 * aligned[1].side


def test_landmarks_do_not_depend_on_the_resolution(photo: Image.Image) -> None:
    face = alignment.detect(photo)[0]
    double = photo.resize((photo.width * 2, photo.height * 2), Image.Resampling.BICUBIC)
    points = alignment.locate(double, tuple(2 * value for value in face.box))
    assert np.abs(points / 2 - face.landmarks).mean() < 0.01 * face.side


def test_one_face_that_is_found_twice_is_one() -> None:
    """The detector may give a face in boxes of two sizes or places; two people cheek to cheek stay two."""
    examples = Path(__file__).resolve().parents[2] / "assets" / "examples"
    both = Image.new("RGB", (1300, 700), "grey")
    for name, left in (("girl.jpg", 0), ("white-hair.jpg", 420)):
        with Image.open(examples / name) as picture:
            # Nothing but the face, so that the second begins where the first ends.
            both.paste(picture.crop((220, 150, 820, 1000)).resize((420, 595)), (left, 50))
    faces = alignment.detect(both)
    assert len(faces) == 2
    again = []
    for face in faces:
        left, top, right, bottom = face.box
        for grow, shift in ((1.2, 0), (0.85, 0), (1.0, 0.15)):
            middle = ((left + right) / 2 + shift * face.side, (top + bottom) / 2 - shift * face.side)
            half = grow * face.side / 2
            box = (middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half)
            again.append(alignment.Face(box, alignment.locate(both, box), face.score / 2))
    assert sorted(alignment._distinct([*again, *faces]), key=faces.index) == faces


def test_models_that_were_let_go_are_there_again_when_a_face_is_looked_for(photo: Image.Image) -> None:
    before = alignment.detect(photo)
    alignment.release_models()
    assert alignment._models.cache_info().currsize == 0
    after = alignment.detect(photo)
    assert [face.box for face in after] == [face.box for face in before]
