"""The only module that configures logging: structlog in front of the standard library, on stderr.

Each line carries what is bound to its context (`request`, `file`, `job`); nothing that is secret is
ever bound.
"""

import logging
import logging.config
from typing import Any

import structlog
from structlog.typing import Processor


def configure(options: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG hook; `options` holds `level` and `format` ("console" or "json")."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if options["format"] == "json" else _keep,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if options["format"] == "json"
        else structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        renderer,
                    ],
                    "foreign_pre_chain": shared,
                }
            },
            "filters": {"refusals": {"()": _Refusals}},
            "handlers": {
                "stderr": {
                    "class": "logging.StreamHandler",
                    "formatter": "line",
                    "filters": ["refusals"],
                }
            },
            "root": {"handlers": ["stderr"], "level": options["level"]},
            "loggers": {
                "uvicorn.access": {
                    "level": "WARNING"
                },  # requests are logged where their ids are known
                "uvicorn.error": {"level": "INFO"},
                "uvicorn.sockets": {"level": "WARNING"},  # subscribers come and go
                "django.server": {"level": "INFO"},
                "PIL": {"level": "INFO"},
            },
        }
    )


def _keep(_logger: Any, _method: str, event: Any) -> Any:
    return event


class _Refusals(logging.Filter):
    """What Django refuses as suspicious is a line: anybody can ask for that as often as they like,
    and nothing of ours went wrong.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, some without their traceback."""
        if record.name.startswith("django.security."):
            record.exc_info = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True
