"""Turning heads and eyes by moving features."""

import numpy as np
import torch

from hsc.editing.movement import Drag, Movement
from hsc.editing.warp import HEAD, flow_of, turn_flow, warp
from hsc.semantics import Semantics

STILL = np.zeros((16, 512), np.float32)


def semantics(seed=0):
    random = torch.Generator().manual_seed(seed)
    sides = (16, 32)
    features = tuple(torch.randn(1, 4, side, side, generator=random) for side in sides)
    return Semantics(codes=torch.zeros(1, 16, 512), features=features)


def test_without_a_turn_it_is_the_same_object():
    face = semantics()
    assert warp(face, []) is face
    assert warp(face, [Movement(STILL), Movement(STILL, turn=(0.0, 0.0))]) is face


def test_the_nose_goes_where_the_head_turns_and_the_corners_stay():
    side = 64
    moved = turn_flow(side, 20.0, 0.0)
    column, row = (int(value * side) for value in HEAD[:2])
    assert moved[row, column, 0] > 0.03 and abs(moved[row, column, 1]) < 1e-3
    assert not moved[0, 0].any() and not moved[0, -1].any()
    up = turn_flow(side, 0.0, 20.0)
    assert up[row, column, 1] < -0.03


def test_turns_there_and_back_nearly_cancel_and_add_up():
    one = flow_of([Movement(STILL, turn=(10.0, 0.0)), Movement(STILL, turn=(-10.0, 0.0))], 32)
    assert torch.allclose(one, flow_of([], 32))
    both = flow_of([Movement(STILL, turn=(5.0, 0.0)), Movement(STILL, turn=(5.0, 0.0))], 32)
    assert torch.equal(both, flow_of([Movement(STILL, turn=(10.0, 0.0))], 32))


def test_a_drag_moves_what_is_at_its_place():
    face = semantics()
    ramp = torch.linspace(0, 1, 32).expand(1, 4, 32, 32).clone()
    face = Semantics(codes=face.codes, features=(ramp,))
    eye = ((0.5, 0.5, 0.2, 0.2),)
    (dragged,) = warp(face, [Movement(STILL, drags=(Drag(eye, (0.1, 0.0)),))]).features
    assert dragged[0, 0, 16, 16] < ramp[0, 0, 16, 16] - 0.05  # what was on the left is here now
    torch.testing.assert_close(dragged[0, 0, 0], ramp[0, 0, 0], atol=1e-4, rtol=0)
    there_and_back = Movement(STILL, drags=(Drag(eye, (0.1, 0.0)), Drag(eye, (-0.1, 0.0))))
    torch.testing.assert_close(warp(face, [there_and_back]).features[0], ramp, atol=1e-4, rtol=0)
