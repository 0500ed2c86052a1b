"""The stand-in's one function."""

from __future__ import annotations

from collections.abc import Mapping

from .facts import fold
from .improve import fold_improving, improving, next_change
from .reply import Reply
from .solve import next_step
from .speak import speak


def reply(request: Mapping[str, object], sample: bytes) -> Reply:
    """Answer one chat completions request.

    A pure function of the request's `messages` and `tools` and of `sample` (16 bytes, one value per decision): no
    clock, file, environment or state. The model's name, ids and every other field are never looked at.
    """
    if improving(request):
        shown = fold_improving(request)
        return speak(next_change(shown, sample), shown, sample, request)
    facts = fold(request)
    return speak(next_step(facts, sample), facts, sample, request)
