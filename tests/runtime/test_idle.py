"""What is done in the background once a process is idle."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from hsc.runtime.memory import WhenIdle


class Clock:
    """A clock that only sleeping moves; the first few sleepers are put off once more meanwhile."""

    def __init__(self, put_off: int) -> None:
        self.now, self.slept, self.left = 0.0, [], put_off

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds / 2
        if self.left:
            self.left -= 1
            self.later.put_off()
        self.now += seconds / 2


def test_an_action_waits_until_nobody_puts_it_off(monkeypatch):
    clock, done = Clock(put_off=3), threading.Semaphore(0)
    monkeypatch.setattr("hsc.runtime.memory.time", clock)
    clock.later = WhenIdle(done.release, 8.0)
    clock.later.put_off()
    assert done.acquire(timeout=60)
    # Half of the first pause had passed when it was put off, and half of what was left of the second, and so on.
    assert clock.slept == [8, 4, 6, 5] and clock.now == 23
    clock.later.put_off()
    assert done.acquire(timeout=60) and clock.slept[4:] == [8]
    assert not done.acquire(blocking=False)


def test_a_process_ends_without_waiting_for_what_is_put_off():
    code = """
import time
from hsc.runtime.memory import WhenIdle
WhenIdle(lambda: time.sleep(600), 600).put_off()
"""
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=60).returncode == 0
