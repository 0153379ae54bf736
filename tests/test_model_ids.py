"""Models are frozen: their files are the ones that were released, and golden files of each decode to their symbols."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from hsc import bitstream, weights
from hsc.errors import BitstreamError
from hsc.model_ids import FIRST_FROZEN, MODELS, RELEASES, check_model_id

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("model", MODELS.values(), ids=str)
def test_the_files_of_a_frozen_model_never_change(model):
    for name, digest in model.weights.items():
        assert hashlib.sha256(weights.shipped(name).read_bytes()).hexdigest() == digest


def test_every_model_from_the_first_frozen_one_on_is_here_and_has_golden_files():
    assert list(MODELS) == [number for number in RELEASES if number >= FIRST_FROZEN]
    golden = {bitstream.BitstreamReader(path.read_bytes()).model_id for path in GOLDEN.glob("*.hsc")}
    assert golden >= set(MODELS)


def test_a_file_of_another_model_says_which_release_reads_it():
    for number in (None, *MODELS):
        check_model_id(number)
    with pytest.raises(BitstreamError, match="needs model 3, which release 0.3 has; .* models 9 and 10"):
        check_model_id(3)
    with pytest.raises(BitstreamError, match="needs model 77, which is not known here"):
        check_model_id(77)
