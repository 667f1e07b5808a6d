"""Makes short sounds and films."""

from __future__ import annotations

import io
import math
import struct
import wave
from array import array
from fractions import Fraction
from typing import Any

import av
from PIL import Image


def tone(
    seconds: float = 2.0, *, rate: int = 44_100, channels: int = 1, volume: float = 0.5
) -> array[int]:
    """440 Hz in the first half, silence in the second."""
    samples = array("h")
    for number in range(int(seconds * rate)):
        loud = volume if number < seconds * rate / 2 else 0
        value = int(32767 * loud * math.sin(2 * math.pi * 440 * number / rate))
        samples.extend([value] * channels)
    return samples


def wav(**options: Any) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(options.get("channels", 1))
        file.setsampwidth(2)
        file.setframerate(options.get("rate", 44_100))
        file.writeframes(tone(**options).tobytes())
    return buffer.getvalue()


def encoded(
    form: str, codec: str, metadata: dict[str, str] | None = None, *, layout: str = "mono"
) -> bytes:
    """A tone of two seconds in a format and codec of FFmpeg's."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=48_000, layout=layout)
        assert isinstance(stream, av.AudioStream)
        _mux_tone(container, stream)
    return buffer.getvalue()


def _mux_tone(container: Any, stream: Any) -> None:
    samples = tone(rate=48_000)
    for place in range(0, len(samples), 960):
        piece = samples[place : place + 960]
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(piece))
        frame.planes[0].update(piece.tobytes().ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts = 48_000, place
        for packet in stream.encode(frame):
            container.mux(packet)
    for packet in stream.encode(None):
        container.mux(packet)


def film(form: str = "mp4", codec: str = "mpeg4", *, seconds: int = 3, sound: bool = True) -> bytes:
    """Red frames, then blue ones, 160 × 120 at 10 a second."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as container:
        container.metadata["title"] = "Red and blue"
        picture: Any = container.add_stream(
            codec, rate=10, width=160, height=120, pix_fmt="yuv420p"
        )
        voice = (
            container.add_stream("aac" if form != "webm" else "libopus", rate=48_000, layout="mono")
            if sound
            else None
        )
        for number in range(10 * seconds):
            colour = "red" if number < 5 * seconds else "blue"
            frame = av.VideoFrame.from_image(Image.new("RGB", (160, 120), colour))
            for packet in picture.encode(frame):
                container.mux(packet)
        for packet in picture.encode(None):
            container.mux(packet)
        if voice is not None:
            _mux_tone(container, voice)
    return buffer.getvalue()


def subtitled() -> bytes:
    """A Matroska film with a stream of subtitles."""
    words = io.BytesIO(
        b"1\n00:00:00,500 --> 00:00:01,500\nHello there\n\n2\n00:00:02,000 --> 00:00:02,900\nBye\n"
    )
    buffer = io.BytesIO()
    with (
        av.open(words, format="srt") as spoken,
        av.open(io.BytesIO(film("matroska"))) as source,
        av.open(buffer, "w", format="matroska") as container,
    ):
        streams = {
            id(stream): container.add_stream_from_template(stream)
            for stream in (source.streams.video[0], spoken.streams.subtitles[0])
        }
        origin: Any
        for origin, chosen in (
            (source, source.streams.video[0]),
            (spoken, spoken.streams.subtitles[0]),
        ):
            for packet in origin.demux(chosen):
                if packet.dts is not None:
                    packet.stream = streams[id(chosen)]
                    container.mux(packet)
    return buffer.getvalue()


def chaptered(source: bytes, form: str) -> bytes:
    """The same sound or film with two chapters."""
    buffer = io.BytesIO()
    with av.open(io.BytesIO(source), "r") as origin, av.open(buffer, "w", format=form) as container:
        chapters: Any = [
            {
                "id": number,
                "start": 1000 * number,
                "end": 1000 * number + 1000,
                "time_base": Fraction(1, 1000),
                "metadata": {"title": title},
            }
            for number, title in enumerate(("Red", "Blue"))
        ]
        container.set_chapters(chapters)
        streams = {
            stream.index: container.add_stream_from_template(stream) for stream in origin.streams
        }
        for packet in origin.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                container.mux(packet)
    return buffer.getvalue()


def tagged_mp3(picture: bytes) -> bytes:
    """An MP3 whose tag (ID3v2.3) has a title, an artist and a cover."""

    def frame(name: bytes, content: bytes) -> bytes:
        return name + struct.pack(">IH", len(content), 0) + content

    content = frame(b"TIT2", b"\0A tone") + frame(b"TPE1", b"\0Ada")
    content += frame(b"APIC", b"\0image/jpeg\0\x03\0" + picture)
    size = len(content)
    safe = bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127])
    return b"ID3\x03\0\0" + safe + content + encoded("mp3", "libmp3lame")
