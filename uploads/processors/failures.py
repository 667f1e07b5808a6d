"""What a processor raises when it can't go on."""

from collections.abc import Iterator
from contextlib import contextmanager


class ProcessorError(Exception):
    """The processor can't do its work; the message says why, in a sentence for people."""


class BadFile(ProcessorError):
    """The file itself is broken or hostile: trying again would end the same."""


class InvalidResult(ProcessorError):
    """The processor returned something that isn't a bounded JSON object."""


@contextmanager
def panics(*, of_the_file: bool) -> Iterator[None]:
    """Libraries written in Rust panic where a broken file surprises them, and that is no Exception;
    each has a PanicException of its own. Raises BadFile for it.
    """
    try:
        yield
    except BaseException as error:
        if of_the_file and type(error).__name__ == "PanicException":
            raise BadFile("The file is broken: a library that reads it gave up.") from error
        raise
