"""Search for the setting whose file comes closest to a number of bytes from below."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress

from hsc.baselines.protocol import BaselineError

# Growth of the logarithmic size from one setting to the next that can be believed.
_FLATTEST, _STEEPEST = 0.005, 1.0
# A setting above one that is larger than this share of the target fits too seldom to be worth an encoding.
_NEARLY = 1.05


class SteppedRateSearch:
    """Settings 0 (smallest file) to `steps` - 1 (largest), each encoded at most once.

    Sizes of real encoders grow about exponentially in their setting, so the next setting to try comes from a
    straight line through logarithmic sizes; every third try halves a closed interval instead, which bounds
    the number of encodings where the line misleads. Sizes need not be strictly monotone: above the last setting
    that fits and the first that does not, the next two are tried as well, as long as that first one is too large by
    so little that they may fit.

    Args:
        encode: setting -> bytes.
        steps: number of settings.
        smallest: expected size in bytes at setting 0; only saves encodings.
        growth: expected ratio of sizes from one setting to the next; only saves encodings.
    """

    def __init__(self, encode: Callable[[int], bytes], steps: int, smallest: float, growth: float):
        self._encode = encode
        self._steps = steps
        self._smallest = smallest
        self._log_growth = math.log(growth)
        self._files: dict[int, bytes] = {}

    def at(self, setting: int) -> bytes:
        """The file at one setting."""
        if setting not in self._files:
            self._files[setting] = self._encode(setting)
        return self._files[setting]

    def fit(self, max_bytes: int) -> bytes:
        """The file of the highest setting found to fit in `max_bytes` bytes, else the file at setting 0.

        Where sizes rise with every setting, that is the largest file that fits.
        """
        low, high = -1, self._steps
        for setting in sorted(self._files):
            # Sizes need not rise with every setting: the first that is too large after the last that fits counts.
            if len(self._files[setting]) <= max_bytes:
                low, high = setting, self._steps
            elif high == self._steps:
                high = setting
        tries = 0
        while high - low > 1:
            tries += 1
            bracketed = low in self._files and high in self._files
            setting = (low + high) // 2 if bracketed and tries % 3 == 0 else self._guess(max_bytes)
            setting = min(max(setting, low + 1), high - 1)
            if len(self.at(setting)) <= max_bytes:
                low = setting
            else:
                high = setting
        if low < 0:
            return self.at(0)
        if high < self._steps and len(self.at(high)) <= _NEARLY * max_bytes:
            for setting in range(high + 1, min(high + 3, self._steps)):
                # Encoders may fail at settings finer than was asked for; there is a file already.
                with suppress(BaselineError):
                    low = setting if len(self.at(setting)) <= max_bytes else low
        return self.at(low)

    def _guess(self, max_bytes: int) -> int:
        """Setting whose size a log-linear law through the nearest known sizes puts at `max_bytes`."""
        target = math.log(max(max_bytes, 1))
        logs = {setting: math.log(max(len(file), 1)) for setting, file in self._files.items()}
        known = sorted(logs, key=lambda setting: abs(logs[setting] - target))
        if not known:
            return math.floor((target - math.log(self._smallest)) / self._log_growth)
        nearest = known[0]
        slope = self._log_growth
        if len(known) > 1:
            measured = (logs[nearest] - logs[known[1]]) / (nearest - known[1])
            slope = measured if _FLATTEST < measured < _STEEPEST else slope
        return nearest + math.floor((target - logs[nearest]) / slope)
