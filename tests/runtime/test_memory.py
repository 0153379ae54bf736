"""What is done in the background once a process is idle."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from hsc.runtime.memory import WhenIdle


def test_an_action_waits_until_nobody_puts_it_off():
    done = threading.Event()
    later = WhenIdle(done.set, 0.3)
    begun = time.monotonic()
    for _ in range(5):
        later.put_off()
        assert not done.wait(0.1)
    last = time.monotonic()
    assert done.wait(10) and time.monotonic() - last > 0.1 and last - begun > 0.3


def test_it_is_done_once_and_can_be_asked_for_again():
    times: list[float] = []
    later = WhenIdle(lambda: times.append(time.monotonic()), 0.05)
    for count in (1, 2):
        for _ in range(3):
            later.put_off()
        end = time.monotonic() + 10
        while len(times) < count and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.1)
        assert len(times) == count


def test_a_process_ends_without_waiting_for_what_is_put_off():
    code = """
import time
from hsc.runtime.memory import WhenIdle
WhenIdle(lambda: time.sleep(600), 600).put_off()
"""
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=60).returncode == 0
