"""The same on Ray: an engine is all that differs."""

from __future__ import annotations

import socket

import pytest

from tests.batch.helpers import QUICK, batch, shards_of

pytest.importorskip("ray", reason="Ray is not installed: pip install 'hsc-studio[batch]'")


@pytest.mark.slow
def test_two_local_actors_give_the_same_shards(pictures, coded, tmp_path):
    options = [*QUICK[:-1], 2, "--columns", "hsc,codes"]
    done = batch("encode", pictures, tmp_path / "out", *options, "--ray")
    assert done.returncode == 0, done.stderr
    assert shards_of(tmp_path / "out") == shards_of(coded)


def test_a_cluster_that_is_not_there_ends_in_a_sentence(pictures, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        for word in (address, f"ray://{address}"):
            done = batch("encode", pictures, tmp_path / "out", *QUICK, f"--ray={word}")
            assert done.returncode == 2 and f"The Ray cluster at {word} cannot be reached: " in done.stderr
            assert done.stderr.count("\n") == 1 and not (tmp_path / "out").exists()
