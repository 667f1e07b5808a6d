"""Sound as numbers: its outline for drawing, how loud it is, and how much of it is silence.

Everything is decoded to one channel at 8 kHz: enough to see and to measure, and quick.
"""

from __future__ import annotations

import math
import operator
from array import array
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from uploads.processors.failures import BadFile

RATE = 8000  # samples a second
PIECE = 400  # samples: 50 ms, the finest that the outline keeps
FULL = 32768  # the largest sample
SILENCE = 0.001  # of it: −60 dB
SECONDS = 3 * 3600  # decoded at most
POINTS = 600  # of the outline

HAS_AV = find_spec("av") is not None
HAS_MINIAUDIO = find_spec("miniaudio") is not None  # made for x86-64 only
MINIAUDIO = {"audio/mpeg", "audio/wav", "audio/flac", "audio/ogg"}

# media type → the demuxer of FFmpeg: it never guesses one
DEMUXERS = {
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/mp4": "mp4",
    "audio/aac": "aac",
    "audio/aiff": "aiff",
    "audio/x-ms-wma": "asf",
    "audio/amr": "amr",
    "audio/basic": "au",
    "audio/x-caf": "caf",
    "audio/ac3": "ac3",
    "audio/x-wavpack": "wv",
    "audio/x-ape": "ape",
}


class Loudness:
    """Takes samples as they are decoded."""

    def __init__(self) -> None:
        self.peaks: list[int] = []
        self._squares = 0
        self._samples = 0
        self._rest = array("h")  # less than a piece

    @property
    def seconds(self) -> float:
        return self._samples / RATE

    def add(self, samples: array[int]) -> None:
        self._squares += sum(map(operator.mul, samples, samples))
        self._samples += len(samples)
        self._rest += samples
        whole = len(self._rest) - len(self._rest) % PIECE
        for place in range(0, whole, PIECE):
            piece = self._rest[place : place + PIECE]
            self.peaks.append(max(max(piece), -min(piece)))
        self._rest = self._rest[whole:]

    def result(self) -> dict[str, Any]:
        """{waveform [0 to 100], peak_db, mean_db (of full scale), silence (share)}"""
        if not self._samples:
            return {"waveform": [], "peak_db": None, "mean_db": None, "silence": None}
        peaks = self.peaks or [max(max(self._rest), -min(self._rest))]
        silent = sum(peak < SILENCE * FULL for peak in peaks)
        return {
            "waveform": _outline(peaks),
            "peak_db": decibels(max(peaks) / FULL),
            "mean_db": decibels(math.sqrt(self._squares / self._samples) / FULL),
            "silence": round(silent / len(peaks), 3),
        }


def _outline(peaks: list[int]) -> list[int]:
    width = max(1, -(-len(peaks) // POINTS))
    return [
        round(100 * max(peaks[place : place + width]) / FULL)
        for place in range(0, len(peaks), width)
    ]


def decibels(share: float) -> float | None:
    return round(20 * math.log10(share), 1) if share > 0 else None


def measure(path: Path, media_type: str, watch: Callable[[float], None]) -> Loudness | None:
    """Decode and measure; None where nothing that is installed decodes it. Raises BadFile."""
    reader = _reader(media_type)
    if reader is None:
        return None
    loudness = Loudness()
    for samples in reader(path, media_type):
        loudness.add(samples)
        watch(loudness.seconds)
        if loudness.seconds >= SECONDS:
            break
    if loudness.seconds == 0:
        raise BadFile("There is no sound in the file that can be decoded.")
    return loudness


def _reader(media_type: str) -> Callable[[Path, str], Iterator[array[int]]] | None:
    if HAS_AV and media_type in DEMUXERS:
        return _with_av
    return _with_miniaudio if HAS_MINIAUDIO and media_type in MINIAUDIO else None


def _with_miniaudio(path: Path, media_type: str) -> Iterator[array[int]]:
    import miniaudio

    try:
        yield from miniaudio.stream_file(
            str(path),
            output_format=miniaudio.SampleFormat.SIGNED16,
            nchannels=1,
            sample_rate=RATE,
            frames_to_read=RATE,
        )
    except miniaudio.MiniaudioError as error:
        raise BadFile("The sound can't be decoded.") from error


def _with_av(path: Path, media_type: str) -> Iterator[array[int]]:
    import av

    try:
        with av.open(
            str(path), format=DEMUXERS[media_type], options={"protocol_whitelist": "file"}
        ) as container:
            if not container.streams.audio:
                return
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            for frame in _frames(container):
                for piece in resampler.resample(frame):
                    yield _samples(piece)
    except (av.FFmpegError, ValueError, OSError) as error:
        raise BadFile("The sound can't be decoded.") from error


def _frames(container: Any) -> Iterator[Any]:
    """Decoded frames; damage in the middle is skipped as players do."""
    import av

    for packet in container.demux(container.streams.audio[0]):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


def _samples(frame: Any) -> array[int]:
    samples = array("h")
    samples.frombytes(bytes(frame.planes[0])[: frame.samples * 2])
    return samples
