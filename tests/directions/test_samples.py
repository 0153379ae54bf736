"""The sample store: what it chooses, and that an interrupted run goes on as if nothing had happened."""

import numpy as np
import pytest
import torch

from directions.samples import BATCH, SampleStore
from directions.scorers.panel import COLUMNS
from hsc.errors import DirectionError
from hsc.generator import Generator

SMILE = COLUMNS.index("smile")


class Face:
    """Renders W's first number as a grey level, and scores smiles by the grey."""

    def __call__(self, codes):
        self.rendered = getattr(self, "rendered", 0) + len(codes)
        level = np.clip(128 + 40 * codes[:, 0, 0], 0, 255).astype(np.uint8)
        return np.broadcast_to(level[:, None, None, None], (len(codes), 16, 16, 3)).copy()

    def score(self, images):
        rows = np.zeros((len(images), len(COLUMNS)), np.float32)
        rows[:, SMILE] = [np.asarray(image).mean() for image in images]
        return rows


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


def fill(folder, budget, generator, seed=0, pool=5000):
    store, face = SampleStore(folder, "test", pool, seed), Face()
    added = []
    store.fill(budget, ["smile"], generator, face, face.score, added.append)
    return store, face, added


def test_a_store_is_filled_in_batches_and_read_back(tmp_path, generator):
    store, face, added = fill(tmp_path, 250, generator)
    samples = store.read(generator)
    assert added == [0, BATCH, BATCH, BATCH] and face.rendered == len(samples) == 300
    assert samples.drawn == 5000
    expected = 128 + 40 * samples.w[:, 0]
    inside = (expected > 0) & (expected < 255)
    np.testing.assert_allclose(samples.column("smile")[inside], expected[inside], atol=1)


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, generator):
    at_once, _, _ = fill(tmp_path / "a", 600, generator)
    store, _, _ = fill(tmp_path / "b", 600, generator)
    for batch in (4, 5):
        (store.folder / f"{batch:05d}.npz").unlink()
    (store.folder / "00004.part").write_bytes(b"half a batch")
    again, face, added = fill(tmp_path / "b", 600, generator)
    assert added == [400, BATCH, BATCH] and face.rendered == 200
    np.testing.assert_array_equal(again.read(generator).w, at_once.read(generator).w)


def test_beyond_the_random_third_the_extremes_are_chosen(tmp_path, generator):
    store, _, _ = fill(tmp_path, 900, generator)
    w = store.read(generator).w[:, 0]
    assert len(np.unique(w)) == 900
    assert np.abs(w[300:]).mean() > 1.5 * np.abs(w[:300]).mean()


def test_a_budget_of_the_whole_pool_renders_every_latent_once(tmp_path, generator):
    store, _, _ = fill(tmp_path, 10**6, generator, pool=300)
    samples = store.read(generator)
    np.testing.assert_array_equal(np.sort(samples.w[:, 0]), np.sort(store.latents(generator)[:, 0]))


def test_another_seed_is_another_store(tmp_path, generator):
    first, second = (fill(tmp_path, 100, generator, seed)[0] for seed in (0, 1))
    assert first.folder != second.folder
    assert not np.array_equal(first.read(generator).w, second.read(generator).w)


def test_pictures_are_kept(tmp_path, generator):
    store, _, _ = fill(tmp_path, 100, generator)
    pictures = store.pictures(0)
    assert len(pictures) == 100 and pictures[0].size == (16, 16)


def test_a_damaged_batch_is_named(tmp_path, generator):
    store, _, _ = fill(tmp_path, 100, generator)
    (store.folder / "00000.npz").write_bytes(b"nothing")
    with pytest.raises(DirectionError, match="damaged; delete"):
        store.read(generator)
