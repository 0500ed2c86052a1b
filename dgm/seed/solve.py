"""Solve one task: read the instruction, talk with the model, leave the answer in the workspace."""

import os
from pathlib import Path
from string import Template

import loop
from model import Model
from tools import Toolbox

INSTRUCTION_LIMIT = 720  # characters of the instruction that go into the prompt
PROMPTS = Path(__file__).parent / "prompts"


def opening(instruction):
    """The messages that a conversation starts with."""
    if len(instruction) > INSTRUCTION_LIMIT:
        instruction = instruction[:INSTRUCTION_LIMIT] + "\n[instruction cut]"
    task = Template((PROMPTS / "solve.md").read_text()).substitute(instruction=instruction)
    return [
        {"role": "system", "content": (PROMPTS / "system.md").read_text()},
        {"role": "user", "content": task},
    ]


def solve(model, instruction, workspace, deadline):
    return loop.converse(model, opening(instruction), Toolbox(workspace), deadline)


def main():
    instruction = Path(os.environ["DGM_INSTRUCTION"]).read_text()
    solve(Model(), instruction, os.environ["DGM_WORKSPACE"], float(os.environ["DGM_DEADLINE"]) - 5)


if __name__ == "__main__":
    main()
