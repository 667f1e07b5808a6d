"""What a processor raises when it can't go on."""


class ProcessorError(Exception):
    """The processor can't do its work; the message says why, in a sentence for people."""


class BadFile(ProcessorError):
    """The file itself is broken or hostile: trying again would end the same."""


class InvalidResult(ProcessorError):
    """The processor returned something that isn't a bounded JSON object."""
