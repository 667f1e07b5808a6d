"""Why a subscriber is closed: the only home of the codes and of what they mean."""

from enum import IntEnum


class Close(IntEnum):
    """RFC 6455, section 7.4; those from 4000 on are ours. `reason` is sent along, `meaning` is for
    the documentation.
    """

    reason: str
    meaning: str

    def __new__(cls, code: int, reason: str, meaning: str) -> "Close":
        """A code with its words."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.reason, member.meaning = reason, meaning
        return member

    UNSUPPORTED = 1003, "text only", "A binary message came; only text is understood."
    POLICY = 1008, "no such message", "The first message was no hello, or another hello came."
    TOO_BIG = 1009, "message too big", "A message was longer than 64 KiB."
    INTERNAL = 1011, "internal error", "Something broke here; come again with the cursor."
    RESTART = 1012, "come again", "The server stops or the stream began anew; come again at once."
    TRY_LATER = 1013, "try again later", "The database can't be reached right now."
    TOO_SLOW = 4008, "too slow", "More waited than is kept; come again with the cursor."
    TOO_MANY = 4029, "too many", "Too many connections of this user, or too many messages."
    NOT_SIGNED_IN = 4401, "not signed in", "There is no valid session, token or ticket."
    FORBIDDEN = 4403, "not allowed", "A foreign page, a withdrawn right, or not your space."
    NO_HELLO = 4408, "no hello", "No hello came within ten seconds."
