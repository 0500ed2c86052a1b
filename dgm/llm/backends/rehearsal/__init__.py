"""A deterministic stand-in for a model: for trials, tests and load, never for science (see docs/rehearsal.md)."""

from .entry import reply
from .reply import Reply

__all__ = ["Reply", "reply"]
