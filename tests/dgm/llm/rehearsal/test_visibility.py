"""Cut what an answer could rest on, and the answer is gone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import rehearsal_harness as harness
from conversations import PASSING, TOOLS, Message, drafted, failing, opening, tried

from dgm.llm.backends.rehearsal import reply
from dgm.llm.backends.rehearsal.facts import fold
from dgm.llm.backends.rehearsal.katas import KATAS, Kata
from dgm.llm.backends.rehearsal.solve import AT_ONCE, BLIND, BY_LINE, ON_REREADING

SAMPLES = 1000
MARGIN = 0.03
ALL = list(KATAS.values())


def katas(every: int) -> list[object]:
    return [pytest.param(kata, id=kata.module) for kata in ALL[::every]]


def rungs(kata: Kata, messages: Sequence[Message], samples: int) -> list[int | None]:
    """The draft that each sample leaves in the file after one answer to the conversation."""
    told = []
    for number in range(samples):
        answer = reply({"messages": messages, "tools": TOOLS}, harness.sample(1000, number))
        told.append(fold({"messages": [*messages, dict(answer.message)], "tools": TOOLS}).draft)
    return told


def fixes(kata: Kata, messages: Sequence[Message], above: int, samples: int = SAMPLES) -> float:
    """Share of samples whose answer is a draft above a rung."""
    return sum(rung is not None and rung > above for rung in rungs(kata, messages, samples)) / samples


def check(kata: Kata, samples: int) -> None:
    margin = MARGIN * (SAMPLES / samples) ** 0.5
    seen = fixes(kata, tried(kata, 0, failing(kata)), 0, samples)
    assert abs(seen - 0.9 * BY_LINE[kata.band]) < 0.1
    assert fixes(kata, tried(kata, 0, failing(kata, line="")), 0, samples) <= BLIND + margin
    hidden = [kata.overlooks[0]]
    assert fixes(kata, tried(kata, 0, failing(kata), without=hidden), 0, samples) == 0
    last = kata.top - 1
    asked = "Reread the rules of the task before you finish."
    reread = fixes(kata, tried(kata, last, PASSING, words=asked), last, samples)
    assert abs(reread - 0.9 * ON_REREADING[kata.band]) < 0.1
    assert fixes(kata, tried(kata, last, PASSING), last, samples) == 0
    unseen = [kata.overlooks[last]]
    assert fixes(kata, tried(kata, last, PASSING, words=asked, without=unseen), last, samples) == 0
    dropped = [*opening(kata), *tried(kata, last, failing(kata))[-2:]]
    assert fixes(kata, dropped, last, samples) <= AT_ONCE[kata.band] + margin


@pytest.mark.parametrize("kata", katas(12))
def test_a_fix_needs_the_assertion_line_the_rule_and_the_draft(kata: Kata) -> None:
    check(kata, 300)


@pytest.mark.soak
@pytest.mark.parametrize("kata", katas(1))
def test_a_fix_needs_the_assertion_line_the_rule_and_the_draft_for_every_kata(kata: Kata) -> None:
    check(kata, SAMPLES)


@pytest.mark.parametrize("kata", katas(8))
def test_a_reference_is_never_written_past_a_rule_that_is_cut(kata: Kata) -> None:
    for rule in set(kata.overlooks):
        reach = kata.overlooks.index(rule)
        first = [r for r in rungs(kata, opening(kata, without=[rule]), 200) if r is not None]
        assert first
        assert max(first) <= reach


@pytest.mark.parametrize("kata", katas(8))
def test_without_title_or_signature_nothing_is_written(kata: Kata) -> None:
    messages = opening(kata)
    untitled = [{**m, "content": str(m["content"]).replace(f"# {kata.title}", "# A task")} for m in messages]
    unsigned = [
        {**m, "content": str(m["content"]).replace("def ", "fed ").replace("class ", "ssalc ")}
        for m in messages
    ]
    assert set(rungs(kata, untitled, 60)) == {None}
    assert set(rungs(kata, unsigned, 60)) == {None}


@pytest.mark.parametrize("kata", katas(16))
def test_a_draft_is_known_by_its_syntax_tree(kata: Kata) -> None:
    messages = drafted(kata, 1)
    commented = "# mine\n" + kata.ladder[1].replace("\n\n", "\n\n# a thought\n", 1)
    messages[4] = drafted(kata, 1)[4]
    call = messages[4]["tool_calls"][0]["function"]  # type: ignore[index]
    import json

    call["arguments"] = json.dumps({"path": f"{kata.module}.py", "content": commented})
    assert fold({"messages": messages, "tools": TOOLS}).draft == 1
