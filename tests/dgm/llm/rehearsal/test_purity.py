"""The answers depend on what the conversation shows and on the sample, on nothing else."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import rehearsal_harness as harness
from conversations import PASSING, TOOLS, Message, drafted, failing, opening, result, tried

from dgm.llm.backends.rehearsal import reply
from dgm.llm.backends.rehearsal.katas import KATAS, normal

PACKAGE = harness.ROOT / "dgm" / "llm" / "backends" / "rehearsal"
SLICE = list(KATAS.values())[::6]


def samples(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield harness.sample(1000, number)


def solving() -> list[dict[str, object]]:
    """Requests from all over the solving steps."""
    conversations: list[list[Message]] = []
    for kata in SLICE:
        conversations += [
            opening(kata)[:2],
            opening(kata),
            opening(kata, words="Run the tests before you finish."),
            drafted(kata, 0),
            drafted(kata, 0, words="Reread the rules of the task."),
            tried(kata, 0, failing(kata)),
            tried(kata, 0, failing(kata, line="")),
            tried(kata, 1, PASSING, words="Reread the rules of the task."),
            [*drafted(kata, 1)[:-1], result("error: bad arguments", 2)],
        ]
    return [{"model": "solve", "messages": messages, "tools": TOOLS} for messages in conversations]


@pytest.fixture(scope="module")
def improving(
    bench: harness.Bench, seed: harness.Tree, search: Sequence[harness.Exercise]
) -> list[dict[str, object]]:
    """The first requests of `improve` runs of the seed, from failed rollouts and from none."""
    rollouts = list(
        bench.solve([harness.Job(seed, e, harness.sample(1000, k), True) for k, e in enumerate(search[::2])])
    )
    failed = [(e, r) for e, r in zip(search[::2], rollouts, strict=True) if not r.resolved][:5]
    evidence = [harness.evidence(e, r) for e, r in failed] + [harness.NO_EVIDENCE]
    children = bench.expand([harness.Expansion(seed, shown, harness.sample(1000, 1)) for shown in evidence])
    return [
        {"model": "improve", "messages": list(child.transcript)[:2], "tools": TOOLS} for child in children
    ]


def said(requests: Sequence[dict[str, object]], count: int = 4) -> list[object]:
    return [dict(reply(request, sample).message) for request in requests for sample in samples(count)]


def test_modules_import_the_standard_library_only_and_nothing_that_could_leak() -> None:
    allowed = set(sys.stdlib_module_names) - {
        "os",
        "socket",
        "time",
        "threading",
        "subprocess",
        "random",
        "datetime",
        "sys",
    }
    for path in sorted(PACKAGE.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [str(node.module)]
            else:
                assert not (isinstance(node, ast.ImportFrom) and node.level > 1), path
                continue
            assert {name.split(".")[0] for name in names} <= allowed, (path.name, names)


def test_files_are_read_at_import_only() -> None:
    for path in sorted(PACKAGE.glob("*.py")):
        tree = ast.parse(path.read_text())
        readers = [
            function.name
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef)
            and any(
                isinstance(n, ast.Attribute) and n.attr in ("read_text", "open", "glob")
                for n in ast.walk(function)
            )
        ]
        assert readers in ([], ["_read"]), (path.name, readers)


def test_a_fresh_process_in_other_surroundings_answers_the_same(
    improving: list[dict[str, object]], tmp_path: Path
) -> None:
    requests = [*solving(), *improving]
    script = (
        "import json, sys\nfrom dgm.llm.backends.rehearsal import reply\n"
        "for line in sys.stdin:\n    request, sample = json.loads(line)\n"
        "    print(json.dumps(dict(reply(request, bytes.fromhex(sample)).message)))\n"
    )
    lines = "".join(
        json.dumps([request, sample.hex()]) + "\n" for request in requests for sample in samples(2)
    )
    told = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(harness.ROOT),
            "PYTHONHASHSEED": "77",
            "TZ": "Asia/Tokyo",
            "HOME": "/",
            "DGM_SEED": "5",
        },
        input=lines,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert [json.loads(line) for line in told.stdout.splitlines()] == said(requests, count=2)


def test_order_of_questions_does_not_matter() -> None:
    requests = solving()
    shuffled = list(range(len(requests)))
    random.Random(1).shuffle(shuffled)
    answers = {k: said([requests[k]]) for k in shuffled}
    assert [answers[k] for k in range(len(requests))] == [said([request]) for request in requests]


def test_ids_durations_hosts_key_order_and_model_names_change_nothing() -> None:
    def elsewhere(value: object) -> object:
        if isinstance(value, dict):
            turned = {key: elsewhere(value[key]) for key in reversed(list(value))}
            for key in ("id", "tool_call_id"):
                if key in turned:
                    turned[key] = "x" + hashlib.sha256(str(turned[key]).encode()).hexdigest()[:9]
            return turned
        if isinstance(value, list):
            return [elsewhere(part) for part in value]
        if isinstance(value, str):
            return re.sub(r"in 0\.001s", "in 47.123s", value).replace(
                "/box/workspace/", "/elsewhere/host-9/tmp.Xy3/"
            )
        return value

    requests = solving()
    changed = [{"user": "u7", "temperature": 0.3, **elsewhere(r), "model": "other"} for r in requests]  # type: ignore[dict-item]
    assert said(changed) == said(requests)


def test_renaming_the_agent_and_commenting_its_files_changes_no_edit(
    improving: list[dict[str, object]],
) -> None:
    def commented(request: dict[str, object]) -> dict[str, object]:
        messages = json.loads(json.dumps(request["messages"]))
        text = messages[1]["content"].replace("coding agent", "coding agent Bertha")
        text = re.sub(
            r"^( *)((?:def|class|for) .*:)$", r"\1# a remark, nothing more\n\1\2", text, flags=re.MULTILINE
        )
        messages[1]["content"] = text
        return {**request, "messages": messages}

    for request in improving:
        for sample in samples(12):
            plain, other = reply(request, sample).message, reply(commented(request), sample).message
            assert effect(request, plain) == effect(commented(request), other)


def effect(request: dict[str, object], message: object) -> object:
    """What an edit makes of the statements of the file it names; other answers as they are."""
    call = message.get("tool_calls", [{}])[0].get("function", {})  # type: ignore[attr-defined]
    arguments = re.sub(r"^```json\n|\n```$", "", str(call.get("arguments", "{}")))
    edit = json.loads(re.sub(r",\s*}$", "}", arguments))
    if "old" not in edit:
        return message
    text = str(request["messages"][1]["content"])  # type: ignore[index]
    shown = re.search(
        rf"^=== {re.escape(edit['path'])} ===\n(.*?)(?=^===|^\[file cut\]|\Z)", text, re.M | re.S
    )
    assert shown is not None
    old = edit["old"] if edit["old"] in shown.group(1) else edit["old"].removeprefix(" ")
    after = shown.group(1).replace(old, edit["new"])
    lines = after.splitlines()
    for end in range(len(lines), 0, -1):  # the head of a file may end anywhere
        if statements := normal("\n".join(lines[:end])):
            return edit["path"], statements
    return edit["path"], re.sub(r"^ *# a remark.*\n", "", after, flags=re.MULTILINE)


def test_another_sample_is_another_answer() -> None:
    requests = solving()
    differing = sum(len({json.dumps(dict(reply(r, s).message)) for s in samples(12)}) > 1 for r in requests)
    assert differing > 0.9 * len(requests)


def test_the_environment_of_this_process_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = said(solving(), count=1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", {})
    assert said(solving(), count=1) == before


def test_no_file_of_the_repertoire_names_a_kata_or_holds_a_line_of_a_reference() -> None:
    texts = {path.name: path.read_text() for path in (PACKAGE / "repertoire").iterdir()}
    assert set(texts) == {"helpful.toml", "neutral.toml", "harmful.toml", "slip.toml", "signs.toml"}
    for name, text in texts.items():
        lines = {line.strip() for line in text.splitlines()}
        for kata in KATAS.values():
            assert kata.title not in text, name
            assert kata.module not in text, name
            assert kata.module.replace("_", "-") not in text, name
            for reference in kata.ladder:
                own = {line.strip() for line in reference.splitlines()}
                assert not {line for line in own & lines if len(line) > 12}, name


def test_code_of_the_stand_in_names_no_kata() -> None:
    for path in sorted(PACKAGE.glob("*.py")):
        text = path.read_text()
        assert not [kata.title for kata in KATAS.values() if kata.title in text or kata.module in text], (
            path.name
        )
