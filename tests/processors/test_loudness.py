"""Loudness against the values that ITU-R BS.1770-4 and EBU Tech 3341 give for known signals."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from uploads.processors import sound
from uploads.processors.loudness import Meter, _high_pass, _shelf

RATE = 48_000


def sine(
    seconds: float, level_db: float, channels: int = 2, hertz: float = 1000.0, rate: int = RATE
) -> np.ndarray:
    """The same in all channels, its peak so many decibels below full scale."""
    moments = np.arange(round(seconds * rate)) / rate
    one = 10 ** (level_db / 20) * np.sin(2 * np.pi * hertz * moments)
    return np.column_stack([one] * channels)


def loudness(*parts: np.ndarray, by: int = RATE, rate: int = RATE) -> float | None:
    whole = np.concatenate(parts)
    meter = Meter(whole.shape[1], rate)
    for place in range(0, len(whole), by):
        meter.add(whole[place : place + by])
    return meter.integrated()


def test_a_sine_of_997_hertz_at_full_scale_in_one_channel_is_minus_3_01() -> None:
    assert loudness(sine(20, 0, 1, 997)) == pytest.approx(-3.01, abs=0.01)
    beside_silence = sine(20, 0, 2, 997) * [1, 0]
    assert loudness(beside_silence) == pytest.approx(-3.01, abs=0.01)


def test_at_48_kilohertz_the_filters_are_those_of_the_recommendation() -> None:
    (b, a), (_, second) = _shelf(48_000), _high_pass(48_000)
    assert b == pytest.approx((1.53512485958697, -2.69169618940638, 1.19839281085285), abs=1e-12)
    assert a == pytest.approx((-1.69065929318241, 0.73248077421585), abs=1e-12)
    assert second == pytest.approx((-1.99004745483398, 0.99007225036621), abs=1e-12)


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 96_000, 192_000])
def test_the_rate_makes_no_difference(rate: int) -> None:
    assert loudness(sine(5, -23, 2, 997, rate), rate=rate) == pytest.approx(-23.0, abs=0.05)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(20, -23)], -23.0),
        ([(20, -33)], -33.0),
        ([(10, -36), (60, -23), (10, -36)], -23.0),
        ([(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)], -23.0),
        ([(20, -26), (20.1, -20), (20, -26)], -23.0),
    ],
    ids=["1", "2", "3", "4", "5"],
)
def test_the_signals_of_tech_3341_are_within_a_tenth(
    parts: list[tuple[float, float]], expected: float
) -> None:
    signals = [sine(seconds, level) for seconds, level in parts]
    assert loudness(*signals) == pytest.approx(expected, abs=0.1)


def test_surround_channels_count_more_and_a_low_frequency_one_not_at_all() -> None:
    """Tech 3341, signal 6: −28 dB in front, −24 in the middle, −30 behind."""
    front, middle, behind = (sine(20, level, 1) for level in (-28, -24, -30))
    low = sine(20, 0, 1, 100)
    whole = np.column_stack([front, front, middle, low, behind, behind])
    assert loudness(whole) == pytest.approx(-23.0, abs=0.1)


def test_pieces_of_any_length_measure_the_same() -> None:
    noise = np.random.default_rng(7).uniform(-0.5, 0.5, (3 * RATE, 2))
    whole = loudness(noise, by=3 * RATE)
    assert whole is not None
    assert loudness(noise, by=1009) == pytest.approx(whole, abs=0.01)


@pytest.mark.parametrize("signal", [np.zeros((RATE, 2)), sine(0.3, 0)], ids=["silence", "short"])
def test_silence_and_less_than_a_block_have_no_loudness(signal: np.ndarray) -> None:
    assert loudness(signal) is None


@pytest.mark.parametrize("with_av", [True, False], ids=["av", "miniaudio"])
def test_a_file_has_the_loudness_of_its_channels(take, monkeypatch, with_av) -> None:
    """One of two channels: neither reader mixes them."""
    monkeypatch.setattr(sound, "HAS_AV", with_av)
    moments = np.arange(5 * 44_100) / 44_100
    tone = 32767 * np.sin(2 * np.pi * 997 * moments)
    samples = np.column_stack([tone, np.zeros_like(tone)]).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(samples.tobytes())
    found = take(buffer.getvalue(), "tone.wav")["audio"]
    assert found["loudness_lufs"] == pytest.approx(-3.01, abs=0.02)
    assert found["peak_db"] == pytest.approx(0, abs=0.2)


def test_only_the_first_hour_is_measured(monkeypatch) -> None:
    monkeypatch.setattr(sound, "LOUDNESS_SECONDS", 2)
    heard = sound.Loudness()
    for level in (-20, -20, 0, 0):
        heard.add(sine(1, level))
    assert heard.result()["loudness_lufs"] == pytest.approx(-20.0, abs=0.2)
    assert heard.result()["peak_db"] == 0.0
