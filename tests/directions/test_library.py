"""The shipped directions, their files, and what happens to damaged ones."""

import json
from dataclasses import replace

import numpy as np
import pytest

import directions
from directions import Direction, library
from hsc.errors import DirectionError

REQUIRED = {"smile": 1, "eyeglasses": 2, "makeup": 3}


def test_required_directions_are_shipped_with_their_ids():
    shipped = {name: directions.load(name).id for name in directions.names()}
    assert shipped.items() >= REQUIRED.items()


def test_ids_lead_back_to_names():
    for name in directions.names():
        assert directions.by_id(directions.load(name).id).name == name


def test_every_file_says_how_it_was_made():
    for name in directions.names():
        direction = directions.load(name)
        assert direction.range[0] < 0 < direction.range[1]
        assert direction.metadata["samples"]["rendered"] > 0
        assert 0.5 < direction.metadata["svm_accuracy"] <= 1
        assert "+1.0" in direction.metadata["side_effects"]


def test_unknown_names_and_ids_are_refused():
    with pytest.raises(DirectionError, match="no direction 'grin'; there are"):
        directions.load("grin")
    with pytest.raises(DirectionError, match="no direction with id 255"):
        directions.by_id(255)


@pytest.fixture
def folder(tmp_path):
    array = np.zeros((16, 512), np.float32)
    array[4] = 0.5
    metadata = {
        "breaks": "", "samples": {"rendered": 1}, "scorer": "", "svm_accuracy": 1.0, "side_effects": {},
        "provenance": {},
    }  # fmt: skip
    library.write(tmp_path, Direction("test", array, (4,), (-1, 1), 200, "Test", metadata))
    return tmp_path


def test_what_is_written_is_read(folder):
    direction = library.load("test", folder)
    assert (direction.id, direction.label, direction.layers, direction.range) == (
        200,
        "Test",
        (4,),
        (-1.0, 1.0),
    )
    assert (direction.array[4] == 0.5).all()
    assert direction.metadata["scorer"] == ""


def test_an_id_is_given_once(folder):
    test = library.load("test", folder)
    other = replace(test, name="other", metadata=dict(test.metadata))
    with pytest.raises(DirectionError, match="Another direction has the id 200"):
        library.write(folder, other)


@pytest.mark.parametrize("change, reason", [
    ({"generator": "stylegan3"}, "for the generator"),
    ({"layers": [5]}, "does not name"),
    ({"range": [1, 2]}, "range"),
    ({"id": None}, "'id'"),
    ({"samples": 7}, "'samples'"),
    ({"id": 300}, "1 to 255"),
    ({"sha256": "0" * 64}, "not the one"),
    ({"scorer": ...}, "lacks scorer"),
])  # fmt: skip
def test_damaged_metadata_is_refused(folder, change, reason):
    path = folder / "test.json"
    metadata = json.loads(path.read_text()) | change
    path.write_text(json.dumps({key: value for key, value in metadata.items() if value is not ...}))
    with pytest.raises(DirectionError, match=reason):
        library.read(folder, "test")


def test_a_damaged_direction_can_be_written_anew(folder):
    test = library.load("test", folder)
    (folder / "test.npy").unlink()
    (folder / "neighbour.json").write_text("{")
    library.write(folder, test)
    assert np.array_equal(library.read(folder, "test").array, test.array)


@pytest.mark.parametrize("file, content", [
    ("test.json", b"{"), ("test.json", b"[]"), ("test.npy", b""), ("test.npy", b"\x80\x04N."),
    ("test.npy", b"\x93NUMPY"),
])  # fmt: skip
def test_damaged_files_are_refused(folder, file, content):
    (folder / file).write_bytes(content)
    with pytest.raises(DirectionError, match="Direction 'test'"):
        library.read(folder, "test")


def test_a_missing_array_is_refused(folder):
    (folder / "test.npy").unlink()
    with pytest.raises(DirectionError, match="cannot be read"):
        library.read(folder, "test")
