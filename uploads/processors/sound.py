"""Sound as numbers: its outline for drawing, how loud it is, and how much of it is silence.

Everything is decoded channel by channel, at the rate that it has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uploads.processors.failures import BadFile
from uploads.processors.loudness import Meter

if TYPE_CHECKING:
    from uploads.processors.loudness import Samples

PIECES = 20  # in a second: the finest that the outline keeps
SILENCE = 0.001  # of full scale: −60 dB
SECONDS = 3 * 3600  # decoded at most
LOUDNESS_SECONDS = 3600  # of which the loudness is measured, which takes the longest
POINTS = 600  # of the outline
TOGETHER = 65_536  # samples that are measured at once
CHANNELS = 8  # that are told apart; more are mixed to two
RATES = range(8000, 384_001)  # samples a second; of others 48,000 are made

HAS_AV = find_spec("av") is not None
HAS_MINIAUDIO = find_spec("miniaudio") is not None  # made for x86-64 only
# media type → its reader there
MINIAUDIO = {"audio/mpeg": "mp3", "audio/wav": "wav", "audio/flac": "flac", "audio/ogg": "vorbis"}

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


class NoDecoder(Exception):
    """The library knows the container, and not how the sound in it is coded."""


class Loudness:
    """Takes samples as they are decoded: a row for each moment, a column for each channel."""

    def __init__(self, rate: int = 48_000) -> None:
        self.rate = rate
        self.peaks: list[float] = []
        self._squares = 0.0
        self._samples = self._values = 0
        self._rest: Samples | None = None  # less than a piece
        self._meter: Meter | None = None

    @property
    def seconds(self) -> float:
        return self._samples / self.rate

    def add(self, samples: Samples) -> None:
        import numpy as np

        if self._meter is None:
            self._meter = Meter(samples.shape[1], self.rate)
        if self.seconds < LOUDNESS_SECONDS:
            self._meter.add(samples)
        self._squares += float(np.square(samples).sum())
        self._samples += len(samples)
        self._values += samples.size
        loudest = np.abs(samples).max(axis=1, initial=0)
        loudest = loudest if self._rest is None else np.concatenate([self._rest, loudest])
        whole = len(loudest) - len(loudest) % (self.rate // PIECES)
        self.peaks += loudest[:whole].reshape(-1, self.rate // PIECES).max(axis=1).tolist()
        self._rest = loudest[whole:]

    def result(self) -> dict[str, Any]:
        """{waveform [0 to 100], loudness_lufs, peak_db, mean_db (of full scale), silence (share)}

        The loudness is that of the first hour.
        """
        if not self._samples or self._meter is None or self._rest is None:
            nothing = ("loudness_lufs", "peak_db", "mean_db", "silence")
            return {"waveform": [], **dict.fromkeys(nothing)}
        peaks = self.peaks or [float(self._rest.max())]
        silent = sum(peak < SILENCE for peak in peaks)
        return {
            "waveform": _outline(peaks),
            "loudness_lufs": self._meter.integrated(),
            "peak_db": decibels(max(peaks)),
            "mean_db": decibels(math.sqrt(self._squares / self._values)),
            "silence": round(silent / len(peaks), 3),
        }


def _outline(peaks: list[float]) -> list[int]:
    width = max(1, -(-len(peaks) // POINTS))
    return [
        min(100, round(100 * max(peaks[place : place + width])))
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
    try:
        for rate, samples in _by_seconds(reader(path, media_type)):
            if not loudness.seconds:
                loudness = Loudness(rate)
            loudness.add(samples)
            watch(loudness.seconds)
            if loudness.seconds >= SECONDS:
                break
    except NoDecoder:
        return None
    if loudness.seconds == 0:
        raise BadFile("There is no sound in the file that can be decoded.")
    return loudness


Piece = tuple[int, Any]  # samples a second, and so many of them, as they were decoded


def _by_seconds(pieces: Iterator[Piece]) -> Iterator[tuple[int, Samples]]:
    """The same in longer pieces, as the meter takes them: a short one takes as long."""
    import numpy as np

    waiting: list[Any] = []
    rate = held = 0
    for rate, piece in pieces:
        waiting.append(piece)
        held += len(piece)
        if held >= TOGETHER:
            held = 0
            yield rate, _plain(np.concatenate(waiting))
            waiting.clear()
    if waiting:
        yield rate, _plain(np.concatenate(waiting))


def _reader(media_type: str) -> Callable[[Path, str], Iterator[Piece]] | None:
    if HAS_AV and media_type in DEMUXERS:
        return _with_av
    return _with_miniaudio if HAS_MINIAUDIO and media_type in MINIAUDIO else None


def _with_miniaudio(path: Path, media_type: str) -> Iterator[Piece]:
    import miniaudio
    import numpy as np

    try:
        described = getattr(miniaudio, f"{MINIAUDIO[media_type]}_get_file_info")(str(path))
        channels, rate = _told_apart(described.nchannels), _taken(described.sample_rate)
        for samples in miniaudio.stream_file(
            str(path),
            output_format=miniaudio.SampleFormat.FLOAT32,
            nchannels=channels,
            sample_rate=rate,
            frames_to_read=rate,
        ):
            yield rate, np.frombuffer(samples, np.float32).reshape(-1, channels)
    except miniaudio.MiniaudioError as error:
        raise BadFile("The sound can't be decoded.") from error


def _told_apart(channels: int) -> int:
    return channels if 0 < channels <= CHANNELS else 2


def _taken(rate: int) -> int:
    return rate if rate in RATES else 48_000


def _plain(samples: Any) -> Samples:
    """As the meter takes them; damaged files hold what is no number, or far beyond full scale."""
    import numpy as np

    plain: Samples = np.clip(np.nan_to_num(samples.astype(np.float64), posinf=1, neginf=-1), -8, 8)
    return plain


def _with_av(path: Path, media_type: str) -> Iterator[Piece]:
    import av

    try:
        with av.open(
            str(path), format=DEMUXERS[media_type], options={"protocol_whitelist": "file"}
        ) as container:
            if not container.streams.audio:
                return
            if container.streams.audio[0].codec_context is None:
                raise NoDecoder
            known = container.streams.audio[0].layout
            rate = _taken(container.streams.audio[0].rate or 0)
            layout = known if _told_apart(known.nb_channels) == known.nb_channels else "stereo"
            before: tuple[str, str, int] | None = None
            for frame in _frames(container):
                kind = (frame.format.name, frame.layout.name, frame.sample_rate)
                if kind != before:  # a resampler takes all for what its first one is
                    before = kind
                    resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
                for piece in resampler.resample(frame):
                    yield rate, piece.to_ndarray().T
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
