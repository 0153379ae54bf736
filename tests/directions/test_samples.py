"""The sample store: what it holds, and that an interrupted run goes on as if nothing had happened."""

import numpy as np
import pytest
import torch

from directions.samples import BATCH, SampleStore
from directions.scorers import COLUMNS
from hsc.errors import DirectionError
from hsc.generator import Generator

SMILE = COLUMNS.index("smile")


class Identity(torch.nn.Module):
    """A generator's mapping that maps nothing."""

    def forward(self, z):
        return z


@pytest.fixture(scope="module")
def generator():
    result = Generator.__new__(Generator)
    torch.nn.Module.__init__(result)
    result.mapping, result.input = Identity(), torch.nn.Parameter(torch.zeros(1))
    return result


def render(codes):
    """W's first number as a grey level."""
    level = np.clip(128 + 40 * codes[:, 0, 0], 0, 255).astype(np.uint8)
    return np.broadcast_to(level[:, None, None, None], (len(codes), 16, 16, 3)).copy()


def score(images):
    """Smiles by the grey."""
    rows = np.zeros((len(images), len(COLUMNS)), np.float32)
    rows[:, SMILE] = [np.asarray(image).mean() for image in images]
    return rows


def identity(pictures):
    """The grey again, as everybody's only trait."""
    return pictures.mean((1, 2, 3))[:, None]


def fill(folder, count, generator, seed=0):
    store = SampleStore(folder, "test", seed)
    made = store.missing(count)
    for batch in made:
        store.make(batch, generator, render, score, identity)
    return store, made


def test_a_store_is_filled_in_batches_and_read_back(tmp_path, generator):
    store, made = fill(tmp_path, 250, generator)
    samples = store.read(250)
    assert made == [0, 1, 2] and len(samples) == 3 * BATCH
    assert len(np.unique(samples.w[:, 0])) == 300
    expected = 128 + 40 * samples.w[:, 0]
    inside = (expected > 0) & (expected < 255)
    np.testing.assert_allclose(samples.column("smile")[inside], expected[inside], atol=1)
    np.testing.assert_allclose((samples.embeddings[inside, 0] + 1) * 127.5, expected[inside], atol=1)


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, generator):
    at_once, _ = fill(tmp_path / "a", 600, generator)
    store, _ = fill(tmp_path / "b", 600, generator)
    for batch in (2, 5):
        store.path(batch).unlink()
    store.path(2).with_suffix(".part").write_bytes(b"half a batch")
    with pytest.raises(DirectionError, match="not complete"):
        store.read(600)
    again, made = fill(tmp_path / "b", 600, generator)
    assert made == [2, 5]
    np.testing.assert_array_equal(again.read(600).w, at_once.read(600).w)


def test_a_longer_run_adds_to_a_shorter_one(tmp_path, generator):
    _, first = fill(tmp_path, 200, generator)
    store, second = fill(tmp_path, 400, generator)
    assert (first, second) == ([0, 1], [2, 3])
    assert len(store.read(200)) == 200 and len(store.read(400)) == 400


def test_another_seed_is_another_store(tmp_path, generator):
    first, second = (fill(tmp_path, 100, generator, seed)[0] for seed in (0, 1))
    assert first.folder != second.folder
    assert not np.array_equal(first.read(100).w, second.read(100).w)


def test_pictures_are_kept(tmp_path, generator):
    store, _ = fill(tmp_path, 100, generator)
    pictures = store.pictures(0)
    assert len(pictures) == 100 and pictures[0].size == (16, 16)
    np.testing.assert_allclose(np.asarray(pictures[7]).mean(), store.read(100).column("smile")[7], atol=2)


def test_a_damaged_batch_is_named(tmp_path, generator):
    store, _ = fill(tmp_path, 100, generator)
    store.path(0).write_bytes(b"nothing")
    with pytest.raises(DirectionError, match="damaged; delete"):
        store.read(100)
