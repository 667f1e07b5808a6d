"""Small files of many kinds, good and broken, made from a seed."""

from __future__ import annotations

import gzip
import io
import json
import random
import wave
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace

from PIL import Image


@dataclass(frozen=True)
class Sample:
    """A file, and how its processing must end."""

    name: str
    content: bytes
    status: str = "processed"


def _text(dice: random.Random) -> Sample:
    lines = [f"line {number} of {dice.random()}" for number in range(dice.randrange(1, 4000))]
    return Sample("notes.txt", "\n".join(lines).encode())


def _table(dice: random.Random) -> Sample:
    rows = [f"{n},{dice.random():.6f},word{dice.randrange(9)}" for n in range(dice.randrange(5000))]
    return Sample("table.csv", "\n".join(["id,value,word", *rows]).encode())


def _json(dice: random.Random) -> Sample:
    return Sample("data.json", json.dumps([dice.random() for _ in range(500)]).encode())


def _image(dice: random.Random) -> Sample:
    kind = dice.choice(["png", "jpeg", "webp"])
    return Sample(f"picture.{kind}", _pixels(dice, kind))


def _pixels(dice: random.Random, kind: str) -> bytes:
    size = (dice.randrange(40, 400), dice.randrange(40, 400))
    out = io.BytesIO()
    colour = (dice.randrange(256), dice.randrange(256), dice.randrange(256))
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


def _broken_image(dice: random.Random) -> Sample:
    return Sample("broken.png", b"\x89PNG\r\n\x1a\n" + dice.randbytes(200), "failed")


def _archive(dice: random.Random) -> Sample:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(dice.randrange(1, 9)):
            archive.writestr(f"{number}.txt", dice.randbytes(300).hex())
    return Sample("things.zip", out.getvalue())


def _compressed(dice: random.Random) -> Sample:
    return Sample("log.gz", gzip.compress(dice.randbytes(2000).hex().encode()))


def _sound(dice: random.Random) -> Sample:
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(dice.randbytes(16000))
    return Sample("sound.wav", out.getvalue())


def _bytes(dice: random.Random) -> Sample:
    return Sample("blob.bin", b"\x00\x01" + dice.randbytes(dice.randrange(200_000)))


def _empty(_dice: random.Random) -> Sample:
    return Sample("empty", b"")


MAKERS: list[Callable[[random.Random], Sample]] = [
    _text,
    _table,
    _json,
    _image,
    _broken_image,
    _archive,
    _compressed,
    _sound,
    _bytes,
    _empty,
]


def samples(count: int, seed: int) -> list[Sample]:
    """As many of each kind, in a random order; no two have the same name."""
    dice = random.Random(seed)
    made = [MAKERS[number % len(MAKERS)](dice) for number in range(count)]
    dice.shuffle(made)
    return [
        replace(sample, name=f"s{seed}n{number}-{sample.name}")
        for number, sample in enumerate(made)
    ]
