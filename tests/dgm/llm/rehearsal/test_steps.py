"""Steps, slips and edits, one at a time."""

from __future__ import annotations

import json

import pytest
import rehearsal_harness as harness
from conversations import PASSING, TOOLS, calls, drafted, failing, opening, result, tool, tried

from dgm.llm.backends.rehearsal import reply
from dgm.llm.backends.rehearsal.facts import Report, Trouble, fold, troubled
from dgm.llm.backends.rehearsal.katas import KATAS
from dgm.llm.backends.rehearsal.lessons import better_lines, is_shown
from dgm.llm.backends.rehearsal.offer import PLAIN, offered
from dgm.llm.backends.rehearsal.patterns import fill, find, parse
from dgm.llm.backends.rehearsal.shown import agent_files, signs
from dgm.llm.backends.rehearsal.speak import narrow

KATA = KATAS["Gate Watch Hours"]


def folded(messages: list[dict[str, object]], tools: object = TOOLS) -> object:
    return fold({"messages": messages, "tools": tools})


def spoken(
    messages: list[dict[str, object]], tools: object = TOOLS, count: int = 200
) -> list[dict[str, object]]:
    request = {"messages": messages, "tools": tools}
    return [dict(reply(request, harness.sample(1000, k)).message) for k in range(count)]


def test_every_kata_is_known_and_its_ladder_leads_to_the_reference() -> None:
    assert len(KATAS) >= 48
    for kata in KATAS.values():
        assert 2 <= len(kata.rules) <= 5
        assert len(kata.rungs) == len(kata.ladder) + 1
        assert set(kata.overlooks) <= set(kata.rules)
        assert kata.reach(frozenset(kata.rules)) == kata.top
        assert kata.signature


@pytest.mark.parametrize(
    ("report", "tests"),
    [
        (failing(KATA), Report.LINE),
        (failing(KATA, line=""), Report.CUT),
        (failing(KATA)[:290] + "\n[output cut]", Report.CUT),
        (PASSING, Report.PASS),
        ("Ran 0 tests in 0.000s\n\nOK\n", Report.UNRUN),
        ("2 failed, 1 passed", Report.CUT),
    ],
)
def test_a_report_is_read_as_far_as_it_is_shown(report: str, tests: Report) -> None:
    assert folded(tried(KATA, 0, report)).tests is tests  # type: ignore[attr-defined]


def test_a_new_draft_is_untested_and_a_failed_write_is_no_draft() -> None:
    again = calls("write_file", 4, path="gate_watch.py", content=KATA.ladder[1])
    facts = folded([*tried(KATA, 0, PASSING), again, result("written", 4)])
    assert (facts.draft, facts.tests) == (1, Report.UNRUN)  # type: ignore[attr-defined]
    failed = folded([*drafted(KATA, 0)[:-1], result("error: bad arguments", 2)])
    assert (failed.draft, failed.trouble) == (None, Trouble.PARSE)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        ("error: bad arguments", Trouble.PARSE),
        ("Could not parse the JSON of this call", Trouble.PARSE),
        ("error: no such tool", Trouble.UNKNOWN),
        ("error: old text not found", Trouble.MISSED),
        ("wrote gate_watch.py", Trouble.NONE),
    ],
)
def test_complaints_are_understood(words: str, trouble: Trouble) -> None:
    assert troubled(words) is trouble


def test_tools_are_told_apart_by_their_parameters() -> None:
    offer = offered(
        [tool("x", "file_path", "old_string", "new_string"), tool("y", "cmd"), tool("z", "filename")]
    )
    assert (offer.edit, offer.shell) == (("x", "file_path", "old_string", "new_string"), ("y", "cmd"))
    assert (offer.read, offer.write) == (("z", "filename"), None)
    assert offered(None) == PLAIN


def test_without_tools_a_command_stands_in_a_block() -> None:
    answers = spoken(opening(KATA)[:2], tools=None)
    assert sum("```bash\ncat gate_watch.py\n```" in str(answer["content"]) for answer in answers) > 100


def test_slips_come_about_as_often_as_the_docs_say() -> None:
    answers = spoken(opening(KATA), count=1000)
    empty = [a for a in answers if not a["content"] and "tool_calls" not in a]
    assert 0.05 < len(empty) / 1000 < 0.09
    malformed = 0
    for answer in answers:
        try:
            json.loads(answer.get("tool_calls", [{}])[0].get("function", {}).get("arguments", "{}"))  # type: ignore[attr-defined]
        except ValueError:
            malformed += 1
    assert 0.13 < malformed / 1000 < 0.21


def test_usage_follows_the_texts() -> None:
    short = reply({"messages": opening(KATA)[:2], "tools": TOOLS}, bytes(16))
    long = reply({"messages": opening(KATA), "tools": TOOLS}, bytes(16))
    assert 0 < short.input_tokens < long.input_tokens
    assert short.output_tokens > 0
    assert short.finish_reason in ("stop", "tool_calls")


def test_a_kata_it_does_not_know_is_given_up() -> None:
    task = [{"role": "user", "content": "# Some other task\n\nWrite `f.py`."}]
    said = {str(a["content"]) for a in spoken([*task, *opening(KATA)[2:3], result("f.py", 1)] * 4)}
    assert all("tool_calls" not in a or a for a in said)


SOURCE = """
import json

LIMIT = 10  # characters

class Box:
    def run(self, text):
        for word in text.split():
            given = json.loads(text[:LIMIT])
            if not given:
                break
        return given
"""


def test_patterns_find_syntax_and_leave_the_rest_alone() -> None:
    source = parse(SOURCE)
    assert source is not None
    places = list(find(source, "if not Q_what:\n    Q_stop", {}))
    assert [place.bindings for place in places] == [{"Q_what": "given", "Q_stop": "break"}]
    place = places[0]
    after = (
        SOURCE[: place.start]
        + fill("if Q_what is None:\n    Q_stop", place.bindings, place.column)
        + SOURCE[place.end :]
    )
    assert after == SOURCE.replace("not given", "given is None")
    assert [p.bindings for p in find(source, "json.loads(Q_text)", {})] == [{"Q_text": "text[:LIMIT]"}]
    assert next(find(source, "Q_name = Q_n", {})).bindings == {"Q_name": "LIMIT", "Q_n": "10"}
    assert list(find(source, "while Q_x:\n    Q_body", {})) == []


def test_a_change_is_narrowed_to_whole_lines_that_occur_once() -> None:
    assert narrow("a\nb\nc\n", "a\nB\nc\n") == ("b\n", "B\n")
    assert narrow("a\na\nb\n", "a\na\nx\nb\n") == ("a\nb\n", "a\nx\nb\n")
    assert narrow("a\n", "a\n") is None


def test_files_and_evidence_are_told_apart() -> None:
    text = (
        "Improve this agent.\n## rollouts/1/transcript.json\n[output cut]\n"
        "=== loop.py ===\nTEXT = '[instruction cut]'\n"
        "[file cut]\n=== prompts/a.md ===\nHello."
    )
    assert agent_files([text]) == {"loop.py": "TEXT = '[instruction cut]'\n", "prompts/a.md": "Hello.\n"}
    assert signs([text]) == {"result cut"}


CUT, EMPTY = "[output cut]\n", "<assistant> \n"
DIFFERENCE = """== agent ==
--- a/loop.py
+++ b/loop.py
@@ -1,2 +1,3 @@
-TURNS = 6
+TURNS = 12
+    result = clean(result)
"""


def ended(how: str) -> str:
    return f"== outcome ==\n{how}\n"


def test_of_several_attempts_the_failures_count_for_what_they_share() -> None:
    """Not what one of them shows alone, and not what resolved attempts or another agent's show."""
    failures = [CUT + ended("unresolved"), CUT + EMPTY + ended("timed_out"), CUT + ended("unresolved")]
    resolved = "the agent itself crashed\n" + ended("resolved")
    assert signs(["".join([*failures, resolved])]) == {"result cut"}
    assert signs([CUT + ended("unresolved, another agent"), EMPTY + ended("unresolved")]) == {"empty reply"}
    assert signs([CUT + EMPTY + ended("unresolved")]) == {"result cut", "empty reply"}


def test_a_better_agents_source_speaks_for_the_edits_that_it_has() -> None:
    shown = [ended("unresolved") + ended("resolved, another agent") + DIFFERENCE]
    better = better_lines(shown)
    assert is_shown("TURNS = 6\n", "TURNS = 24\n", better)
    assert is_shown("x = 1\n", "x = 1\n    result = clean(result)\n", better)
    assert not is_shown("TURNS = 6\n", "TURNS = 3\n", better)
    assert not is_shown("TURNS = 6\n", "TURNS = 24\nLIMIT = 1\n", better)
    assert not is_shown("TURNS = 6\n", "", better)
    assert better_lines([ended("resolved") + ended("unresolved, another agent") + DIFFERENCE]) == {}
    assert agent_files([f"=== loop.py ===\nTURNS = 6\n[file cut]\n{DIFFERENCE}"]) == {
        "loop.py": "TURNS = 6\n"
    }


HOSTILE = [
    ended("resolved, another agent") * 500 + "--- a/x\n+++ b/x\n" + "+x = 9\n" * 500 + "9" * 5000,
    "",
    "import os\n" + "(" * 3000,
    "def f():\n" * 200,
    "x = " + "-" * 20_000 + "1",
    '"""' + "\n# Gate Watch Hours\n" * 300,
    "# Gate Watch Hours\ndef unwatched_hours\n" + "\x00\ud800",
    "=== a.py ===\nif not calls:\n    break\n" * 100,
    "Improve this agent.\n=== a.py ===\nwhile True:\n  OUTPUT_LIMIT = 240\n" + "[" * 500,
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    "tools", [None, [], TOOLS, [tool("finish")], [{"type": "function", "function": {"name": "a"}}]]
)
def test_no_conversation_breaks_it(text: str, tools: object) -> None:
    spoken_before = [calls("write_file", 1, path=text, content=text), result(text, 1)]
    for messages in (
        [{"role": "user", "content": text}],
        [
            {"role": "developer", "content": [{"type": "text", "text": text}]},
            {"role": "assistant", "content": None},
        ],
        [*opening(KATA), *spoken_before, {"role": "user", "content": text}],
        [{"role": "user", "content": f"Improve this agent.\n{text}"}, *spoken_before],
    ):
        answer = reply({"messages": messages, "tools": tools}, bytes(16)).message
        assert answer["role"] == "assistant"
