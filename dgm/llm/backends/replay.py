"""Answers from a recorded run: nothing is asked of anybody and nothing costs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from dgm.llm.apis import asked
from dgm.llm.backends.base import Place
from dgm.llm.backends.whole import WholeAnswers
from dgm.llm.errors import NotRecordedError, RequestRejectedError
from dgm.llm.wire import Api, Body


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One recorded call: the bytes of its exchange and the status that the agent saw."""

    request: bytes
    response: bytes
    status: int = 200


class ReplayBackend(WholeAnswers):
    """Plays a run back. `recorded` maps (decision, n) to the call that was recorded there.

    It may be any mapping, one that reads on demand included. A call is answered only if it asks the same as
    the recorded one (`apis.asked`); anything else is a `NotRecordedError`, which makes the rollout's result
    void.
    """

    name = "replay"
    apis = frozenset(Api)

    def __init__(self, recorded: Mapping[tuple[int, int], Recorded]) -> None:
        self._recorded = recorded

    async def complete(self, request: Body, place: Place) -> Body:
        where = f"call {place.n} of decision {place.decision}"
        call = self._recorded.get((place.decision, place.n))
        if call is None:
            raise NotRecordedError(f"the recorded run has no {where}")
        if asked(json.loads(call.request)) != asked(request):
            raise NotRecordedError(f"{where} does not ask what the recorded run asked there")
        answer: Body = json.loads(call.response)
        if call.status != 200:
            raise RequestRejectedError(call.status, answer)
        return answer
