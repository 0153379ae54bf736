"""What pages show of prepared faces, once for all who look at them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from app.prepared import PreparedPictures, PreparedValues
from app.session import Picture, Session


def test_a_prepared_picture_is_drawn_once_and_every_visitor_has_a_file(tmp_path: Path) -> None:
    prepared, drawn = PreparedPictures(most=1), []

    def file(session: Session, key: str) -> Path:
        def draw() -> Path:
            drawn.append(key)
            return session.folder.png(Image.new("RGB", (8, 8)), "restored", "A picture.")

        return prepared.file(session, "restored.png", key, draw)

    one, other, own = Session(), Session(), Session()
    one.picture = other.picture = Picture("example", example="beard")
    one.prepared = other.prepared = True
    own.picture = Picture("mine")
    first, second = file(one, "a"), file(other, "a")
    assert first != second and first.read_bytes() == second.read_bytes() and drawn == ["a"]
    one.close()
    assert second.exists() and not first.exists()
    file(own, "a"), file(own, "a")
    assert drawn == ["a", "a", "a"]  # a visitor's own face is remembered nowhere
    file(other, "b"), file(other, "a")
    assert drawn[3:] == ["b", "a"]
    other.prepared = False  # a file of theirs, which says that it is of that face
    file(other, "b"), file(other, "b")
    assert drawn[5:] == ["b", "b"]
    for session in (other, own):
        session.close()


@contextmanager
def _visit(example: str) -> Iterator[Session]:
    session = Session()
    session.picture, session.prepared = Picture("digest", example=example), bool(example)
    yield session
    session.close()


def test_what_is_shown_of_a_prepared_face_is_made_once_for_all_and_of_others_each_time() -> None:
    made: list[str] = []
    values = PreparedValues(8)

    def get(example: str) -> None:
        def make() -> str:
            made.append(example)
            return f"plot of {example}"

        with _visit(example) as session:
            assert values.get(session, "plot", make) == f"plot of {example}"

    for example in ("red-hair", "red-hair", "curls", "", ""):
        get(example)
    assert made == ["red-hair", "curls", "", ""]


def test_those_that_nobody_asked_for_lately_are_forgotten() -> None:
    values, made = PreparedValues(2), []
    with _visit("curls") as session:
        for key in ("a", "b", "a", "c", "a", "b"):
            values.get(session, key, lambda key=key: made.append(key) or key)
    assert made == ["a", "b", "c", "b"]
