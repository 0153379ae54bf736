from __future__ import annotations

from app import examples


def test_there_are_a_dozen_synthetic_faces_and_one_credited_photo() -> None:
    found = examples.read()
    assert sum(example.synthetic for example in found) == 12
    photos = [example for example in found if not example.synthetic]
    assert len(photos) == 1 and "public domain" in photos[0].credit
    assert all(example.open().size == (1024, 1024) for example in found if example.synthetic)
    assert len({example.title for example in found}) == 13


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in examples.FOLDER.iterdir()) < 4_000_000


def test_thumbnails_are_data() -> None:
    assert examples.read()[0].thumbnail().startswith("data:image/webp;base64,")
