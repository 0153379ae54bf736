"""All faces of a photo, by the shipped codec without refinement."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hsc.errors import FaceError, HSCError, ImageError
from hsc.media import group_photo
from tests.media.group_picture import NAMES, group_picture


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return group_picture()


@pytest.fixture(scope="module")
def group(codec, photo) -> group_photo.Group:
    told: list[tuple[int, int]] = []
    made = group_photo.encode(codec, photo, max_bytes=500, refine=0, progress=lambda *done: told.append(done))
    assert told == [(done, len(NAMES)) for done in range(len(NAMES) + 1)]
    return made


def far(first: Image.Image, second: Image.Image) -> np.ndarray:
    return np.abs(np.asarray(first.convert("RGB"), float) - np.asarray(second.convert("RGB"), float)).max(-1)


def test_every_face_has_a_file_of_its_own(codec, group) -> None:
    assert len(group.members) == len(NAMES)
    assert all(0 < len(member.data) <= 500 for member in group.members)
    assert group.bytes == sum(len(member.data) for member in group.members)
    assert len({member.data for member in group.members}) == len(NAMES)
    sides = [member.where.side for member in group.members]
    assert sides == sorted(sides, reverse=True)


def test_a_folder_brings_the_group_back(group, tmp_path: Path) -> None:
    group_photo.save(group, tmp_path / "new")
    again = group_photo.load(tmp_path / "new")
    assert again.size == group.size
    assert [member.data for member in again.members] == [member.data for member in group.members]
    for one, other in zip(again.members, group.members):
        assert np.abs(one.where.quad - other.where.quad).max() < 0.01
    with pytest.raises(HSCError, match="already"):
        group_photo.save(group, tmp_path / "new")


def test_without_edits_all_faces_are_the_restored_ones(codec, group, photo) -> None:
    picture = group_photo.paste(codec, group, photo)
    assert picture.size == photo.size
    changed = far(picture, photo)
    for member in group.members:
        left, top, right, bottom = (round(edge) for edge in member.where.face.box)
        assert changed[top:bottom, left:right].mean() > 2
    grey = group_photo.paste(codec, group)
    left, top, right, bottom = (round(edge) for edge in group.members[0].where.face.box)
    assert far(grey, picture)[top + 40 : bottom - 40, left + 40 : right - 40].max() == 0


def test_an_edit_of_one_face_leaves_the_others_pixels(codec, group, photo) -> None:
    picture = group_photo.paste(codec, group, photo, [{}, {"smile": 0.8}, {}])
    changed = far(picture, photo)
    for index, member in enumerate(group.members):
        left, top, right, bottom = (round(edge) for edge in member.where.face.box)
        inside = changed[top:bottom, left + 40 : right - 40]
        assert inside.max() > 20 if index == 1 else inside.max() == 0, index


def test_stored_edits_are_shown(codec, group, photo) -> None:
    import directions
    from hsc import bitstream

    first, *others = group.members
    smiling = bitstream.append_edits(first.data, directions.to_ids({"smile": 0.8}))
    stored = group_photo.Group(group.size, (group_photo.Member(smiling, first.where), *others))
    as_stored = codec.stored_edits(codec.parse(smiling))
    asked = group_photo.paste(codec, group, photo, [as_stored, {}, {}])
    assert far(group_photo.paste(codec, stored, photo), asked).max() == 0


def test_a_photo_without_faces_and_one_of_another_size_are_refused(codec, group) -> None:
    with pytest.raises(FaceError):
        group_photo.encode(codec, Image.new("RGB", (300, 300)), max_bytes=500)
    with pytest.raises(ImageError, match="another"):
        group_photo.paste(codec, group, Image.new("RGB", (300, 300)))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: told.update(format="other"),
        lambda told: told.pop("faces"),
        lambda told: told.update(faces=[]),
        lambda told: told["faces"][0].update(file="../face-1.hsc"),
        lambda told: told["faces"][0].update(file="face-99.hsc"),
        lambda told: told["faces"][0].update(square=[[1, 2, 3]]),
        lambda told: told["faces"][0].update(square=[[0, 0, 0], [0, 0, 0]]),
        lambda told: told["faces"][0].update(square=[[float("nan"), 0, 0], [0, 9, 0]]),
        lambda told: told["faces"][0].update(square=[[1e300, 0, 0], [0, 9, 0]]),
        lambda told: told["photo"].update(width=10**9),
        lambda told: told["photo"].update(width="x"),
        lambda told: told.update(photo=[]),
    ],
)
def test_a_damaged_folder_is_refused_with_a_sentence(group, tmp_path: Path, spoil) -> None:
    group_photo.save(group, tmp_path)
    path = tmp_path / group_photo.MANIFEST
    told = json.loads(path.read_text())
    spoil(told)
    path.write_text(json.dumps(told))
    with pytest.raises(HSCError):
        group_photo.load(tmp_path)


@pytest.mark.parametrize("text", ["", "[" * 100_000, "{", "7", "null"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / group_photo.MANIFEST).write_text(text)
    with pytest.raises(HSCError):
        group_photo.load(tmp_path)
