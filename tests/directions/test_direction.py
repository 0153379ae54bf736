"""A Direction is valid by construction; every way to be invalid is refused with a reason."""

import numpy as np
import pytest

from directions import Direction
from hsc.errors import DirectionError


def array(layers=(4, 5), dtype=np.float32):
    result = np.zeros((16, 512), dtype)
    result[list(layers)] = np.random.default_rng(0).standard_normal((len(layers), 512))
    return result


def test_a_valid_direction_is_read_only_and_keeps_its_layers_in_order():
    direction = Direction("smile", array(), (5, 4), (-1, 1.5), 1)
    assert direction.layers == (4, 5)
    assert direction.range == (-1.0, 1.5)
    assert direction.label == "Smile"
    with pytest.raises(ValueError):
        direction.array[4, 0] = 1


def test_the_callers_array_is_copied():
    given = array()
    direction = Direction("smile", given, (4, 5))
    given[:] = 0
    assert direction.array.any()


def with_value(value):
    result = array()
    result[4, 7] = value
    return result


@pytest.mark.parametrize("change, reason", [
    ({"name": "Smile!"}, "name"),
    ({"name": ""}, "name"),
    ({"name": "x" * 41}, "name"),
    ({"array": array().T}, "shape"),
    ({"array": array(dtype=np.float64)}, "float32"),
    ({"array": with_value(np.nan)}, "finite"),
    ({"array": with_value(np.inf)}, "finite"),
    ({"array": np.zeros((16, 512), np.float32)}, "zero"),
    ({"layers": (4,)}, "does not name"),
    ({"layers": ()}, "at least one"),
    ({"layers": (4, 5, 16)}, "0 to 15"),
    ({"layers": (4, 5, -1)}, "0 to 15"),
    ({"layers": (4, 5, 5)}, "once"),
    ({"layers": "45"}, "0 to 15"),
    ({"layers": 4}, "0 to 15"),
    ({"range": (1, -1)}, "range"),
    ({"range": (0, 0)}, "range"),
    ({"range": (0.5, 1)}, "range"),
    ({"range": (-9, 1)}, "range"),
    ({"range": (-1, 8)}, "below 8"),
    ({"range": (np.nan, 1)}, "range"),
    ({"range": (1,)}, "two numbers"),
    ({"range": "ab"}, "two numbers"),
    ({"id": 0}, "1 to 255"),
    ({"id": 256}, "1 to 255"),
    ({"id": True}, "1 to 255"),
])  # fmt: skip
def test_what_is_invalid_is_refused(change, reason):
    given = {"name": "smile", "array": array(), "layers": (4, 5), "range": (-1, 1), "id": 1, **change}
    with pytest.raises(DirectionError, match=reason):
        Direction(**given)
