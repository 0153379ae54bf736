from __future__ import annotations

from app.fair_queue import Served


def test_who_had_more_lately_comes_later_and_it_is_forgotten_in_time() -> None:
    now = [0.0]
    served = Served(lambda: now[0])
    served.add("greedy", 30.0)
    served.add("modest", 1.0)
    assert served.of("newcomer") == 0 < served.of("modest") < served.of("greedy")
    now[0] = 60.0
    assert abs(served.of("greedy") - 15.0) < 1e-9
    served.add("greedy", 5.0)
    assert abs(served.of("greedy") - 20.0) < 1e-9


def test_what_is_remembered_is_bounded() -> None:
    now = [0.0]
    served = Served(lambda: now[0])
    for index in range(10_000):
        served.add(f"visitor {index}", 1.0)
    now[0] = 600.0
    served.add("one more", 1.0)
    assert len(served._had) == 1
