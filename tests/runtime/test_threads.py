"""Threads sleep while they wait, and there are no more of them than cores that may be used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hsc.errors import HSCError
from hsc.runtime import threads

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
NAMES = ("OMP_WAIT_POLICY", "KMP_BLOCKTIME", "OMP_NUM_THREADS", threads.VARIABLE)


@pytest.fixture
def many_cores(monkeypatch):
    """A host of 64 cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)), raising=False)


def files(root: Path, contents: dict[str, str]) -> Path:
    for name, text in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("contents", "cores"),
    [
        ({}, 64),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 64),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        # A part of a core is of no use to a thread that others wait for.
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "350000 100000\n"}, 3),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        # The group is free; the one around it is not.
        (
            {
                "proc/self/cgroup": "0::/pod/box\n",
                "sys/fs/cgroup/pod/box/cpu.max": "max 100000\n",
                "sys/fs/cgroup/pod/cpu.max": "400000 100000\n",
            },
            4,
        ),
        # A path of the host, seen from inside of a container.
        ({"proc/self/cgroup": "0::/../../host/a\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        (
            {
                "proc/self/cgroup": "9:memory:/x\n4:cpu,cpuacct:/docker/1f\n1:name=systemd:/\n0::/\n",
                "sys/fs/cgroup/cpu,cpuacct/docker/1f/cpu.cfs_quota_us": "150000\n",
                "sys/fs/cgroup/cpu,cpuacct/docker/1f/cpu.cfs_period_us": "50000\n",
            },
            3,
        ),
        (
            {
                "proc/self/cgroup": "1:cpu:/elsewhere\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            2,
        ),
        (
            {
                "proc/self/cgroup": "1:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            64,
        ),
        ({"proc/self/cgroup": "0::/\nnonsense\n\n", "sys/fs/cgroup/cpu.max": "\n"}, 64),
    ],
)
def test_a_quota_bounds_the_number(contents, cores, many_cores, tmp_path):
    assert threads.usable_cores(files(tmp_path, contents)) == cores


def test_so_does_affinity(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3}, raising=False)
    files(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "800000 100000\n"})
    assert threads.usable_cores(tmp_path) == 1


def found_by(program: str, *arguments: str, **environment: str) -> dict:
    """What a new process has, into which nothing of this one is inherited."""
    clean = {name: value for name, value in os.environ.items() if name not in NAMES}
    program += (
        "\nimport json, os, torch\n"
        f"found = {{name: os.environ.get(name) for name in {NAMES}}}\n"
        "print(json.dumps(found | {'threads': torch.get_num_threads()}))"
    )
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


ENTERED = {
    "library": "import hsc; hsc.Codec",
    "command line": "import sys; sys.argv[1:] = ['info', '--help']; from hsc.cli.main import run; run()",
    "directions": "import sys; from directions.cli import main; main(['list'], standalone_mode=False)",
}


@pytest.mark.parametrize("entry", ENTERED)
def test_threads_wait_passively_wherever_the_package_is_entered(entry):
    found = found_by(ENTERED[entry])
    assert found["OMP_WAIT_POLICY"] == "PASSIVE" and found["KMP_BLOCKTIME"] == "0"
    assert int(found["OMP_NUM_THREADS"]) == threads.usable_cores() >= found["threads"]


def test_this_very_process_waits_passively_too():
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE" and "OMP_NUM_THREADS" in os.environ


def test_what_the_environment_says_is_kept():
    found = found_by(ENTERED["library"], OMP_WAIT_POLICY="ACTIVE", OMP_NUM_THREADS="1")
    assert found["OMP_WAIT_POLICY"] == "ACTIVE" and found["threads"] == 1


def test_a_number_may_be_asked_for():
    assert found_by(ENTERED["library"], HSC_THREADS="1", OMP_NUM_THREADS="2")["threads"] == 1
    late = "import torch; import hsc; hsc.Codec"
    assert found_by(late, HSC_THREADS="1")["threads"] == 1


def test_an_option_of_every_command_overrides_it():
    program = "import sys; from hsc.cli.main import main; main(sys.argv[1:], standalone_mode=False)"
    for command in ("encode", "decode", "bench"):
        found = found_by(program, command, "--threads", "1", "--help", HSC_THREADS="2")
        assert found["threads"] == 1 and found[threads.VARIABLE] == "1"


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "99999"])
def test_nonsense_is_refused_in_one_sentence(value, monkeypatch):
    monkeypatch.setenv(threads.VARIABLE, value)
    with pytest.raises(HSCError, match=r"HSC_THREADS is '.*'; it must be a whole number from 1 to 1024\.$"):
        threads.configure()
    command = [sys.executable, "-m", "hsc", "info", __file__]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("Error: HSC_THREADS") and done.stderr.count("\n") == 1
