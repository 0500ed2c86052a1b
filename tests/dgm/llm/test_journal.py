from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import openai
import pytest

from dgm.llm import Gateway, JournalError, read_journal
from dgm.llm.backends import OpenAIBackend
from dgm.llm.journal import Answered, Journal, LocalFile
from dgm.llm.values import Tokens
from tests.dgm.llm.conftest import PRICES, Connect, spec
from tests.fake_upstream import FakeUpstream

CALL = {"id": "call_%d", "type": "function", "function": {"name": "bash", "arguments": "{}"}}


def answered(n: int, *, request: str = "a", rollout: str = "r0", cost: int = 5) -> Answered:
    return Answered(
        n=n,
        rollout=rollout,
        request=request,
        status=200,
        body={"choices": [], "text": "ü\u2028"},
        model="m",
        tokens=Tokens(input=3, output=2),
        cost_microusd=cost,
    )


def turns(
    client: openai.OpenAI, count: int, *, tool_id: str = "x", stream: bool = False, opening: str = "hi"
) -> list[Any]:
    """A conversation of so many calls, each going on from the last answer; the messages at its end."""
    messages: list[Any] = [{"role": "user", "content": opening}]
    for turn in range(count):
        if stream:
            chunks = client.chat.completions.create(model="solve", messages=messages, stream=True)
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        else:
            text = (
                client.chat.completions.create(model="solve", messages=messages).choices[0].message.content
                or ""
            )
        call = {**CALL, "id": f"{tool_id}{turn}"}
        messages.append({"role": "assistant", "content": text, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"{tool_id}{turn}", "content": f"result {turn}"})
    return messages


@pytest.mark.parametrize("stream", [False, True])
def test_a_rollout_that_runs_again_buys_nothing(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect, tmp_path: Path, stream: bool
) -> None:
    journal = tmp_path / "journal" / "7.jsonl"
    upstream.script(*({"do": "answer", "text": f"answer number {n} of the provider"} for n in range(4)))
    first = turns(connect(gateway.open(spec("try1", journal=journal))), 4, stream=stream)
    paid = gateway.close("try1")

    second = turns(connect(gateway.open(spec("try2", journal=journal))), 4, tool_id="other", stream=stream)
    again = gateway.close("try2")

    assert upstream.counts()["requests"] == 4
    assert [m["content"] for m in second] == [m["content"] for m in first]
    assert [call.journal for call in again.calls] == [True] * 4
    assert [call.tokens for call in again.calls] == [call.tokens for call in paid.calls]
    assert again.usage.cost_microusd == 0  # the rows of the first try say what was paid
    assert paid.usage.cost_microusd > 0
    assert len(read_journal(journal)) == 4


def test_calls_are_new_from_the_first_that_differs(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect, tmp_path: Path
) -> None:
    journal = tmp_path / "7.jsonl"
    turns(connect(gateway.open(spec("try1", journal=journal))), 3)
    gateway.close("try1")

    client = connect(gateway.open(spec("try2", journal=journal)))
    messages = turns(client, 1)
    messages[-1]["content"] = "another result"
    client.chat.completions.create(model="solve", messages=messages)
    messages.append({"role": "user", "content": "and on"})
    client.chat.completions.create(model="solve", messages=messages)
    assert [call.journal for call in gateway.close("try2").calls] == [True, False, False]
    assert upstream.counts()["requests"] == 5

    client = connect(gateway.open(spec("try3", journal=journal)))
    messages = turns(client, 1)
    messages[-1]["content"] = "another result"
    client.chat.completions.create(model="solve", messages=messages)
    assert upstream.counts()["requests"] == 5
    gateway.close("try3")
    assert len(read_journal(journal)) == 5


def test_what_a_killed_machine_paid_is_on_record(
    backend: OpenAIBackend, upstream: FakeUpstream, connect: Connect, tmp_path: Path
) -> None:
    """The same try runs again after a crash: its rows together cost what the provider was paid, once each."""
    journal = tmp_path / "7.jsonl"
    with Gateway(backend, prices=PRICES) as gateway:
        turns(connect(gateway.open(spec("try1", journal=journal))), 3)
    # stopping took the record away, as a crash would have
    with Gateway(backend, prices=PRICES) as gateway:
        client = connect(gateway.open(spec("try1", journal=journal)))
        messages = turns(client, 1)
        messages[-1]["content"] = "another result"
        client.chat.completions.create(model="solve", messages=messages)
        record = gateway.close("try1")
    counts = upstream.counts()
    assert counts["requests"] == 4
    assert [(call.n, call.journal) for call in record.calls] == [(0, True), (1, False), (2, True), (3, True)]
    assert record.usage.input_tokens == counts["input_tokens"]
    assert record.usage.cost_microusd == sum(call.cost_microusd for call in read_journal(journal))
    assert all(call.cost_microusd > 0 for call in record.calls)
    assert len(record.exchanges) == 2


def test_a_4xx_is_journalled_too(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect, tmp_path: Path
) -> None:
    upstream.script({"do": "status", "status": 400})
    for name in ("try1", "try2"):
        client = connect(gateway.open(spec(name, journal=tmp_path / "j")))
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model="solve", messages=[{"role": "user", "content": "hi"}])
        assert [call.journal for call in gateway.close(name).calls] == [name == "try2"]
    assert upstream.counts()["requests"] == 1


def test_the_answer_is_on_disk_before_it_is_handed_on(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect, tmp_path: Path
) -> None:
    journal = tmp_path / "7.jsonl"
    client = connect(gateway.open(spec(journal=journal)))
    for n in range(3):
        client.chat.completions.create(model="solve", messages=[{"role": "user", "content": "hi"}])
        assert len(read_journal(journal)) == n + 1


def test_an_answer_that_cannot_be_journalled_is_not_handed_on(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect, tmp_path: Path
) -> None:
    path = tmp_path / "j"
    client = connect(gateway.open(spec(journal=path)))
    client.chat.completions.create(model="solve", messages=[{"role": "user", "content": "hi"}])
    size = path.stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, limits[1]))  # stands in for a full disk
    try:
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(model="solve", messages=[{"role": "user", "content": "hi"}])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    record = gateway.close("r0")
    assert record.fault is not None
    assert "cannot write the journal" in record.fault
    assert path.stat().st_size == size
    assert len(read_journal(path)) == 1
    call = record.calls[1]  # it was paid all the same
    assert call.status == 502
    assert call.cost_microusd > 0


def test_a_torn_tail_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal.open(path)
    journal.append(answered(0))
    whole = path.stat().st_size
    journal.append(answered(1))
    journal.close()
    line = path.read_bytes()[whole:]
    for torn in (line[:1], line[: len(line) // 2], line[:-1], line.replace(b'"m"', b'"k"')):
        path.write_bytes(path.read_bytes()[:whole] + torn)
        assert [call.n for call in read_journal(path)] == [0]
        journal = Journal.open(path)
        assert path.stat().st_size == whole
        assert journal.find(0, "a") == answered(0)
        assert journal.find(1, "a") is None
        journal.append(answered(1, request="b"))
        journal.close()
        assert [call.request for call in read_journal(path)] == ["a", "b"]


def test_damage_before_the_tail_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal.open(path)
    for n in range(3):
        journal.append(answered(n))
    journal.close()
    path.write_bytes(path.read_bytes().replace(b'"n":1', b'"n":9'))
    for read in (Journal.open, read_journal):
        with pytest.raises(JournalError, match=r"line 2 .* is damaged: its checksum is wrong"):
            read(path)


def test_two_rollouts_cannot_share_a_journal(gateway: Gateway, tmp_path: Path) -> None:
    gateway.open(spec("r0", journal=tmp_path / "j"))
    with pytest.raises(JournalError, match="in use"):
        gateway.open(spec("r1", journal=tmp_path / "j"))
    gateway.close("r0")
    gateway.open(spec("r1", journal=tmp_path / "j"))


def test_answers_may_be_recorded_out_of_order_and_with_gaps(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal.open(path)
    journal.append(answered(2))
    journal.append(answered(0))
    journal.close()
    journal = Journal.open(path)
    assert (
        journal.find(1, "a") is None
    )  # was on its way when the machine died: asked anew, and the rest stands
    assert journal.find(2, "a") == answered(2)
    assert journal.find(0, "a") == answered(0)
    assert journal.unused("r0") == []
    journal.close()


def test_a_cut_counts_for_later_readers(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal.open(path)
    for n in range(4):
        journal.append(answered(n))
    journal.close()
    journal = Journal.open(path)
    assert journal.find(1, "other") is None
    journal.append(answered(1, request="other", rollout="r1"))
    assert [call.n for call in journal.unused("r0")] == [0, 1, 2, 3]
    journal.close()
    journal = Journal.open(path)
    assert journal.find(1, "other") is not None
    assert journal.find(2, "a") is None
    assert [call.n for call in journal.unused("r0")] == [0, 1, 2, 3]
    assert len(read_journal(path)) == 5
    journal.close()
    assert read_journal(tmp_path / "none") == ()


def test_a_place_without_permission(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot open the journal"):
        Journal.open(tmp_path / "file" / "j")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_closed_file_of_a_journal_writes_into_no_other(tmp_path: Path) -> None:
    closed = LocalFile(tmp_path / "1.jsonl")
    closed.append(b"paid\n")
    closed.close()
    other = LocalFile(tmp_path / "2.jsonl")  # gets the number that the other had
    other.append(b"paid, and more than the other\n")
    for late in (lambda: closed.append(b"late\n"), lambda: closed.cut(0)):
        with pytest.raises(OSError, match="Bad file descriptor"):
            late()
    assert closed.read() == b"paid\n"
    assert other.read() == b"paid, and more than the other\n"
    other.close()


@pytest.mark.parametrize(("takes_s", "fault"), [(14.0, None), (20.0, "writing its journal took 20 s")])
def test_a_rollout_that_waited_for_its_journal_is_the_machines_failure(
    backend: OpenAIBackend, connect: Connect, tmp_path: Path, takes_s: float, fault: str | None
) -> None:
    now = 0.0

    class Slow(LocalFile):
        def append(self, data: bytes) -> None:
            nonlocal now
            super().append(data)
            now += takes_s

    journal = tmp_path / "7.jsonl"
    with Gateway(backend, prices=PRICES, journals=Slow, clock=lambda: now) as gateway:
        turns(connect(gateway.open(spec("try1", journal=journal))), 1)
        record = gateway.close("try1")
    assert record.fault == fault
    assert len(record.calls) == len(read_journal(journal)) == 1
