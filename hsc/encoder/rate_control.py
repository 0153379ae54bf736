"""How many bytes a file has: the search for the quality, and the number of layers, that fit a budget."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hsc.bitstream import EMPTY_BYTES, file_bytes
from hsc.encoder.context import EncoderContext
from hsc.encoder.latents import Latents
from hsc.encoder.presets import RateControl
from hsc.encoder.quantisation import QuantisedLatents, quantise
from hsc.errors import HSCError
from hsc.networks.entropy_tables import LEAST_DETAILED, QUALITIES


@dataclass(frozen=True, eq=False)
class Fit:
    """What fits a budget: symbols at some quality, and how many of their layers."""

    quantised: QuantisedLatents
    layers: int

    @property
    def quality(self) -> int:
        """Quality byte, 0 to 255."""
        return self.quantised.quality


def fit(
    context: EncoderContext,
    latents: Latents,
    max_bytes: int,
    settings: RateControl,
    guess: int | None = None,
    close: float | None = None,
) -> Fit:
    """The most layers that fit at the lowest quality, at the highest quality at which they fit.

    S changes its quantisation in leaps; where that leaves many bytes unused, fewer layers at a higher quality may come
    nearer.

    Args:
        guess: quality that is tried first.
        close: share of the bytes that is close enough; by default that of the settings.

    Raises:
        HSCError: the budget is less than the smallest file has, or the latents are not finite.
    """
    found = fit_layers(context, latents, max_bytes, 0, settings, guess, close)
    assert found is not None  # a file may have no layers
    return found


def fit_layers(
    context: EncoderContext,
    latents: Latents,
    max_bytes: int,
    least: int,
    settings: RateControl,
    guess: int | None = None,
    close: float | None = None,
) -> Fit | None:
    """What :func:`fit` finds, or None, which costs less to find out, where that has fewer than ``least`` layers."""
    if max_bytes < EMPTY_BYTES:
        raise HSCError(f"The smallest file has {EMPTY_BYTES} bytes; {max_bytes} is too few.")
    networks, close = context.networks, settings.close if close is None else close
    tried: dict[int, QuantisedLatents] = {}

    def size(layers: int, quality: int) -> int:
        if quality not in tried:
            tried[quality] = quantise(context, latents, quality)
        return file_bytes(tried[quality].bits[:layers])

    def highest(layers: int, guess: int, lowest: int = 0) -> int | None:
        # Below that, detail costs no less: only S and F would suffer.
        lowest = max(lowest, LEAST_DETAILED if layers > networks.layers else 0)
        doubling = settings.doubling_with_detail if layers > networks.layers else settings.doubling
        return highest_quality(partial(size, layers), max_bytes, close, doubling, guess, lowest)

    layers = networks.layers + (0 if latents.detail is None else networks.detail_layers)
    if guess is None:
        guess = round(settings.doubling * math.log2(max_bytes / settings.lowest_bytes))
    best = layers, highest(layers, guess)
    while best[1] is None:
        layers -= 1
        if layers < least:
            return None
        best = layers, highest(layers, guess if layers >= networks.layers else 0) if layers else 0
    while size(*best) < settings.enough * max_bytes and best[1] < QUALITIES - 1 and layers > 1:
        layers -= 1
        other = layers, highest(layers, best[1], best[1])
        best = max(best, other, key=lambda each: size(*each))
    layers, quality = best
    return Fit(tried[quality], layers) if layers >= least else None


def highest_quality(
    size: Callable[[int], int], max_bytes: int, close: float, doubling: int, guess: int, lowest: int = 0
) -> int | None:
    """A quality near the highest whose size fits, or None where even ``lowest`` is too large.

    Each that is tried costs time: a search that doubles its steps until it is on both sides, and interpolates then, or
    halves where that was no faster.

    Args:
        size: quality to bytes.
        close: share of ``max_bytes`` that is close enough.
        doubling: steps of quality that about double the size.
        guess: is tried first.
    """
    low, high = lowest - 1, QUALITIES
    reach, width, wanted = 1, math.inf, (1 + close) / 2 * max_bytes

    def doublings(quality: int) -> float:
        return math.log2(wanted / size(quality))

    middle: float = guess
    while high - low > 1:
        quality = min(max(round(middle), low + 1), high - 1)
        if size(quality) > max_bytes:
            high = quality
        else:
            low = quality
            if size(low) >= close * max_bytes:
                break
        if lowest <= low and high < QUALITIES:
            # Sizes grow about exponentially with quality, but for leaps of S.
            share = doublings(low) / (doublings(low) - doublings(high)) if high - low <= width / 2 else 0.5
            width = high - low
            middle = low + width * min(max(share, 0.1), 0.9)
        else:
            middle, reach = quality + reach * doubling * doublings(quality), 2 * reach
    return low if low >= lowest else None
