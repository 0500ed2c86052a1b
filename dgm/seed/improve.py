"""Improve the agent itself: show the model this agent's files and some evidence, let it edit a copy."""

import json
import os
import signal
import time
from pathlib import Path
from string import Template

import loop
import second
from model import Model
from tools import Toolbox

TRANSCRIPT_LIMIT = 3000  # characters of the transcript that are shown, the newest
HEAD_LINES = 45  # lines of each file that are shown
ROUNDS = 1  # conversations, each for one change
PROMPTS = Path(__file__).parent / "prompts"


def improve(model, brief, shown, workspace, deadline):
    for _ in range(ROUNDS):
        messages = opening(brief, shown, workspace)
        loop.converse(model, messages, Toolbox(workspace), deadline)


def evidence(directory):
    """What is known about earlier rollouts: transcript and visible tests of each, and how it ended."""
    parts = []
    for rollout in sorted(Path(directory).glob("rollouts/*")):
        transcript = json.loads((rollout / "transcript.json").read_text())
        text = "\n".join(spoken(message) for message in transcript)
        if len(text) > TRANSCRIPT_LIMIT:
            text = "[transcript cut]\n" + text[-TRANSCRIPT_LIMIT:]
        parts.append(text + "\n== visible tests ==\n" + ending(rollout))
    return "\n".join(parts)


def spoken(message):
    """One message of a transcript on a few lines."""
    lines = [f"<{message['role']}> {message.get('content') or ''}"]
    for call in message.get("tool_calls") or []:
        lines.append(f"  calls {call['function']['name']} {call['function']['arguments']}")
    return "\n".join(lines)


def files(workspace):
    """The agent's own files, each under a line with its path."""
    parts = []
    for path in sorted(Path(workspace).rglob("*")):
        if path.suffix not in (".py", ".md") or "tests" in path.parts:
            continue
        lines = path.read_text().splitlines()
        note = "\n[file cut]" if len(lines) > HEAD_LINES else ""
        parts.append(f"=== {path.relative_to(workspace)} ===\n" + "\n".join(lines[:HEAD_LINES]) + note)
    return "\n".join(parts)


def ending(rollout):
    """What a rollout's visible tests said at last, how it ended, and how another agent that made it differs."""
    text = (rollout / "visible_tests.txt").read_text()[-200:]
    for name, limit in (("outcome.txt", 200), ("agent.diff", TRANSCRIPT_LIMIT)):
        path = rollout / name
        if path.exists():
            text += f"\n== {path.stem} ==\n" + path.read_text()[:limit]
    return text


def opening(brief, shown, workspace):
    """The messages that a conversation about the agent starts with."""
    system, task = ((PROMPTS / name).read_text() for name in ("system.md", "improve.md"))
    task = Template(task).substitute(brief=brief, evidence=shown, files=files(workspace))
    return [{"role": "system", "content": system}, {"role": "user", "content": task}]


def main():
    brief = Path(os.environ["DGM_INSTRUCTION"]).read_text()
    shown = evidence(os.environ["DGM_EVIDENCE"])
    workspace, deadline = os.environ["DGM_WORKSPACE"], float(os.environ["DGM_DEADLINE"]) - 5
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))  # nobody answered in time: what was changed stands
    signal.alarm(max(1, int(deadline - time.time())))
    before = files(workspace)
    if second.present("diagnose"):
        shown += "\n== diagnosis ==\n" + second.opinion("diagnose", brief=brief, evidence=shown, files=before)
    improve(Model(), brief, shown, workspace, deadline)
    if second.present("judge") and time.time() < deadline:
        verdict = second.opinion("judge", evidence=shown, change=second.changed(before, files(workspace)))
        if not verdict.startswith("OK"):
            improve(Model(), brief, f"{shown}\n== what a judge says of the change so far ==\n{verdict}", workspace, deadline)
    signal.alarm(0)  # the interpreter puts its own handler back as it ends, and would die of it


if __name__ == "__main__":
    main()
