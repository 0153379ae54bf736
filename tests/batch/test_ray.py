"""The same on Ray: an engine is all that differs."""

from __future__ import annotations

import socket
import subprocess
import time

import pytest

from tests.batch.helpers import QUICK, REPOSITORY, batch, command, shards_of

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


@pytest.mark.slow
def test_a_node_that_is_killed_costs_no_record(pictures, coded, tmp_path):
    from ray.cluster_utils import Cluster

    out, options = tmp_path / "out", [*QUICK[:-1], 2, "--columns", "hsc,codes"]
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        _, lost = (cluster.add_node(num_cpus=1) for _ in range(2))
        words = command("encode", pictures, out, *options, f"--ray={cluster.address}")
        with (tmp_path / "log").open("w") as log:
            running = subprocess.Popen(words, cwd=REPOSITORY, stdout=log, stderr=log)
            deadline = time.monotonic() + 200
            while not any(path.stat().st_size for path in out.glob("_*.journal")):
                assert running.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.01)
            cluster.remove_node(lost, allow_graceful=False)
            assert running.wait(300) == 0, (tmp_path / "log").read_text()
    finally:
        cluster.shutdown()
    assert shards_of(out) == shards_of(coded)
