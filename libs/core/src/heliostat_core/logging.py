"""Log lines: JSON for machines, coloured text for people."""

import logging
from typing import Literal

import structlog

LogFormat = Literal["json", "console"]


def configure_logging(*, service: str, log_format: LogFormat) -> None:
    """Set up structlog for this process; every line carries the service and what the request bound."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    # httpx logs every URL it requests at INFO; URLs of repositories may hold what nobody should read in a log.
    logging.basicConfig(level=logging.WARNING)
