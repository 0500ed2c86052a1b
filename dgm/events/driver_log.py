"""A run's `driver.log`: its events and what our packages log, as JSON lines, in a few files of bounded size."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Self

from dgm.events.events import VERSION, Sink

PACKAGES = ("dgm", "archive", "sandbox")
"""Whose loggers are heard."""

MOST_BYTES = 10 << 20
KEPT = 4
"""One file and so many older ones, `driver.log.1` the newest of them."""

_LINE = "dgm_event"


class DriverLog:
    """As a context manager it listens; called with a line it writes that. It never raises: what cannot be written is
    told once, and the run goes on."""

    def __init__(
        self, path: Path, run: str, tell: Sink, *, most_bytes: int = MOST_BYTES, kept: int = KEPT
    ) -> None:
        self._tell = tell
        self._failed = False
        self._handler: RotatingFileHandler | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._handler = _Rotating(path, self._cannot, most_bytes, kept)
            self._handler.setFormatter(_Lines(run))
        except OSError as error:
            self._cannot(f"{error}")

    def __call__(self, line: str) -> None:
        if self._handler is not None:
            record = logging.LogRecord(__name__, logging.INFO, __file__, 0, line, None, None)
            setattr(record, _LINE, True)
            self._handler.handle(record)

    def __enter__(self) -> Self:
        if self._handler is not None:
            for name in PACKAGES:
                logging.getLogger(name).addHandler(self._handler)
        return self

    def __exit__(self, *_: object) -> None:
        if self._handler is not None:
            for name in PACKAGES:
                logging.getLogger(name).removeHandler(self._handler)
            try:
                self._handler.close()
            except OSError as error:
                self._cannot(f"{error}")

    def _cannot(self, why: str) -> None:
        if not self._failed:
            self._failed = True
            self._tell(f"driver.log cannot be written: {why}")


class _Rotating(RotatingFileHandler):
    def __init__(self, path: Path, cannot: Callable[[str], None], most_bytes: int, kept: int) -> None:
        super().__init__(path, maxBytes=most_bytes, backupCount=kept, encoding="utf-8")
        self._cannot = cannot

    def handleError(self, record: logging.LogRecord) -> None:
        self._cannot(f"{record.name} could not log; is the disk full?")


class _Lines(logging.Formatter):
    def __init__(self, run: str) -> None:
        super().__init__()
        self._run = run

    def format(self, record: logging.LogRecord) -> str:
        if getattr(record, _LINE, False):
            return record.getMessage()
        found = {
            "v": VERSION,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "run": self._run,
            "event": "log",
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": record.getMessage(),
        }
        if record.exc_info:
            found["traceback"] = self.formatException(record.exc_info)
        return json.dumps(found)
