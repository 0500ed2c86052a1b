"""A driver of its own process for `test_secrets.py`: one evaluation against a provider, with a key in its environment.

python -m tests.hostile.keeper LEVEL BASE_URL JOURNAL        `solve` of the agent on its input, the result on its output
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from dgm.jobs import NodeServices
from dgm.jobs.evaluate import evaluate
from dgm.jobs.services import NodeDoors, NodeSettings
from dgm.llm.upstreams import OpenAI
from sandbox import Level, open_sandbox
from tests.dgm.jobs.agents import LIMITS, agent, evaluate_job


def main(level: Level, base_url: str, journal: Path) -> None:
    upstream = OpenAI(
        base_url=base_url,
        models={"solve": "gpt-5-mini", "improve": "gpt-5-mini"},
        price={"gpt-5-mini": {"input": 1.0, "cached": 0.1, "output": 10.0}},
    )
    sandbox = open_sandbox(level)
    try:
        doors = NodeDoors(NodeSettings(level=level, limits=LIMITS, upstream=upstream, slots=1), os.environ)
        try:
            job = evaluate_job(agent(sys.stdin.read()), seconds=200.0, journal=journal)
            result = evaluate(job, NodeServices(sandbox, doors, LIMITS))
        finally:
            doors.stop()
    finally:
        sandbox.close()
    answer = {} if result.answer is None else {name: text.decode() for name, text in result.answer.items()}
    said = {
        "outcome": result.outcome.value,
        "detail": result.detail,
        "log": result.log.decode("utf-8", "replace"),
    }
    calls = 0 if result.record is None else len(result.record.calls)
    sys.stdout.write(json.dumps({**said, "calls": calls, "answer": answer, "row": repr(result)}))


if __name__ == "__main__":
    main(Level(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
