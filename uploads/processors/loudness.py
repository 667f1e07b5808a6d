"""How loud a sound is to people: integrated loudness in LUFS, as ITU-R BS.1770-4 and EBU R 128
define it.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Samples = np.ndarray[Any, np.dtype[np.float64]]

_BLOCK, _STEPS = 4, 10  # blocks of 400 ms begin 100 ms apart; steps in a second
_ABSOLUTE, _RELATIVE = -70.0, -10.0  # LUFS of the one gate; LU below what passes it, of the other
_OFFSET = -0.691  # so that a sine of 997 Hz at full scale in one channel is −3.01
# The filters of BS.1770-4, tables 1 and 2, as what they are at any rate: the head's acoustic effect
# (hertz, decibels, quality), and a high-pass (hertz, quality)
_SHELF = (1681.974450955533, 3.999843853973347, 0.7071752369554196)
_HIGH_PASS = (38.13547087602444, 0.5003270373238773)
_TAPS = 4096  # at 48 kHz: after these the response is below a hundred-millionth
_TRANSFORMS = 4  # times as long as the response
# Table 3: channels in the order in which files have them; a low-frequency one doesn't count.
_SURROUND = math.sqrt(2)
_WEIGHTS = {
    5: (1.0, 1.0, 1.0, _SURROUND, _SURROUND),
    6: (1.0, 1.0, 1.0, 0.0, _SURROUND, _SURROUND),
}


class Meter:
    """Takes samples as they are decoded, `rate` a second, from −1 to 1."""

    def __init__(self, channels: int, rate: int) -> None:
        import numpy as np

        self._rate, self._taps = rate, _taps(rate)
        self._step = rate // _STEPS
        self._weights = np.array(_WEIGHTS.get(channels, (1.0,) * channels))
        self._before = np.zeros((self._taps - 1, channels))  # what the filters still hear
        self._rest = np.zeros(0)  # energies of less than a step
        self._steps: list[float] = []

    def add(self, samples: Samples) -> None:
        """`samples`: a row for each moment, a column for each channel."""
        import numpy as np

        energies = np.concatenate([self._rest, self._filtered(samples) ** 2 @ self._weights])
        whole = len(energies) - len(energies) % self._step
        self._steps += energies[:whole].reshape(-1, self._step).mean(axis=1).tolist()
        self._rest = energies[whole:]

    def _filtered(self, samples: Samples) -> Samples:
        """The response of both filters, by overlapping transforms: the same as sample by sample."""
        import numpy as np

        taps, length = self._taps, self._taps * _TRANSFORMS
        heard = np.concatenate([self._before, samples])
        self._before = heard[len(heard) - taps + 1 :]
        pieces = [np.zeros((0, samples.shape[1]))]
        for place in range(0, len(samples), length - taps + 1):
            piece = heard[place : place + length]
            spectrum = np.fft.rfft(piece, length, axis=0) * _response(self._rate)[:, None]
            pieces.append(np.fft.irfft(spectrum, length, axis=0)[taps - 1 : len(piece)])
        return np.concatenate(pieces)

    def integrated(self) -> float | None:
        """LUFS of what was heard so far; None where that is silence, or shorter than a block."""
        blocks = [
            sum(self._steps[place : place + _BLOCK]) / _BLOCK
            for place in range(len(self._steps) - _BLOCK + 1)
        ]
        loud = _mean(block for block in blocks if _level(block) > _ABSOLUTE)
        gate = _level(loud) + _RELATIVE
        return (
            None
            if not loud
            else round(
                _level(_mean(block for block in blocks if _level(block) > max(gate, _ABSOLUTE))), 2
            )
        )


def _mean(values: Any) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0


def _level(energy: float) -> float:
    return _OFFSET + 10 * math.log10(energy) if energy > 0 else -math.inf


def _taps(rate: int) -> int:
    return int(_TAPS * 2.0 ** math.ceil(math.log2(rate / 48_000)))


@cache
def _response(rate: int) -> Any:
    """The spectrum of both filters' response to one sample."""
    import numpy as np

    response = [1.0, *[0.0] * (_taps(rate) - 1)]
    for (b0, b1, b2), (a1, a2) in (_shelf(rate), _high_pass(rate)):
        passed: list[float] = []
        x1 = x2 = y1 = y2 = 0.0
        for x in response:
            y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
            passed.append(y)
            x1, x2, y1, y2 = x, x1, y, y1
        response = passed
    return np.fft.rfft(response, len(response) * _TRANSFORMS)


Filter = tuple[tuple[float, float, float], tuple[float, float]]  # b, a


def _shelf(rate: int) -> Filter:
    """At 48 kHz these are the numbers of table 1."""
    hertz, decibels, quality = _SHELF
    k = math.tan(math.pi * hertz / rate)
    high = 10 ** (decibels / 20)
    middle = high**0.4996667741545416
    one = 1 + k / quality + k * k
    b = (
        (high + middle * k / quality + k * k) / one,
        2 * (k * k - high) / one,
        (high - middle * k / quality + k * k) / one,
    )
    return b, (2 * (k * k - 1) / one, (1 - k / quality + k * k) / one)


def _high_pass(rate: int) -> Filter:
    """At 48 kHz these are the numbers of table 2."""
    hertz, quality = _HIGH_PASS
    k = math.tan(math.pi * hertz / rate)
    one = 1 + k / quality + k * k
    return (1.0, -2.0, 1.0), (2 * (k * k - 1) / one, (1 - k / quality + k * k) / one)
