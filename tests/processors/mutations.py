"""Damages files as networks, disks and attackers do; the same seed damages the same way."""

from __future__ import annotations

import random
import struct

INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def mutated(content: bytes, dice: random.Random) -> bytes:
    """The content with one to four kinds of damage."""
    data = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        if not data:
            break
        dice.choice((_flip, _overwrite, _cut, _repeat, _number, _swap, _remove))(data, dice)
    return bytes(data)


def _flip(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.randint(1, 8)):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def _overwrite(data: bytearray, dice: random.Random) -> None:
    place = dice.randrange(len(data))
    length = min(dice.randint(1, 64), len(data) - place)
    data[place : place + length] = dice.randbytes(length)


def _cut(data: bytearray, dice: random.Random) -> None:
    del data[dice.randrange(len(data)) :]


def _repeat(data: bytearray, dice: random.Random) -> None:
    place = dice.randrange(len(data))
    piece = data[place : place + dice.randint(1, 256)]
    data[place:place] = piece * dice.randint(1, 50)


def _number(data: bytearray, dice: random.Random) -> None:
    """Overwrite what may be a length with an extreme one."""
    place = dice.randrange(len(data))
    form = dice.choice(("<I", ">I", "<H", ">H", "B"))
    size = struct.calcsize(form)
    value = dice.choice(INTERESTING) & ((1 << 8 * size) - 1)
    if place + size <= len(data):
        data[place : place + size] = struct.pack(form, value)


def _swap(data: bytearray, dice: random.Random) -> None:
    first, second = (dice.randrange(len(data)) for _ in range(2))
    length = min(dice.randint(1, 32), len(data) - max(first, second))
    one, other = data[first : first + length], data[second : second + length]
    data[first : first + length], data[second : second + length] = other, one


def _remove(data: bytearray, dice: random.Random) -> None:
    place = dice.randrange(len(data))
    del data[place : place + dice.randint(1, 64)]
