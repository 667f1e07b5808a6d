"""A frame that is made once for all is the one that a WebSocket library would make."""

import pytest
from websockets.frames import Frame, Opcode

from project.sockets import framed


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 500_000])
def test_a_made_frame_is_as_the_protocol_says(length: int) -> None:
    text = "é" * (length // 2) + "x" * (length % 2)
    expected = Frame(Opcode.TEXT, text.encode()).serialize(mask=False, extensions=[])
    assert framed(text) == expected
