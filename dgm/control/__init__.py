"""Asking a run's driver from another terminal: files in the run's directory, each answered by it."""

from dgm.control.asking import NoDriverError, ask
from dgm.control.mailbox import CONTROL, Mailbox
from dgm.control.requests import Answer, Request, Verb

__all__ = ["CONTROL", "Answer", "Mailbox", "NoDriverError", "Request", "Verb", "ask"]
