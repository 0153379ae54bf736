"""Names beside dots, on a plot as narrow as a phone's."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from app import comparison, plot_labels
from hsc.compare import report

# Of one face at 800 bytes: names, bytes and LPIPS.
FACE = [
    ("ELIC", 668, 0.568), ("HEVC", 753, 0.474), ("Ballé 2017", 760, 0.616), ("Ballé 2018", 760, 0.635),
    ("AV1", 774, 0.487), ("HiFiC", 788, 0.394), ("HSC", 799, 0.186), ("VVC", 799, 0.460), ("AVIF", 4542, 0.322),
    ("WebP", 6076, 0.426), ("JPEG", 7852, 0.677), ("JPEG XL", 9972, 0.280),
]  # fmt: skip


def boxes(dots: list[tuple[str, int, float]], others: Sequence[tuple[float, float]] = ()) -> dict[str, plot_labels.Box]:
    names, sizes, values = zip(*dots)
    sides = plot_labels.sides(sizes, values, names, others)
    points = plot_labels._pixels([*zip(sizes, values), *others])
    return {name: plot_labels._box(point, name, side) for name, point, side in zip(names, points, sides)}


def test_no_name_lies_over_another_or_beyond_the_plot() -> None:
    rows = comparison.benchmark()
    found = boxes(FACE, [(row.bytes, report.value_of(row, "lpips_alex")) for row in rows if row.bytes])
    pairs = combinations(found, 2)
    assert not [pair for pair in pairs if plot_labels._overlap(found[pair[0]], found[pair[1]])]
    assert all(left >= -8 and right <= plot_labels.WIDTH + 8 for left, right, _, _ in found.values())


def test_a_name_goes_to_the_right_of_its_dot_unless_there_is_no_room() -> None:
    assert plot_labels.sides([100, 1000], [1, 2], ["a", "b"]) == ["middle right", "middle right"]
    assert plot_labels.sides([100, 1000], [1, 2], ["a", "a long name"]) == ["middle right", "middle left"]
    assert plot_labels.sides([800], [0.2], ["HSC"]) == ["middle right"] and plot_labels.sides([], [], []) == []
