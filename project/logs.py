"""The only module that configures logging: structlog in front of the standard library, on stderr.

Each line carries what is bound to its context (`request`, `file`, `job`); nothing that is secret is
ever bound.
"""

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
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
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
