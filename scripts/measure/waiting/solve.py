"""Ask the model ten times, as one growing conversation, then leave an answer that has to be graded."""

import os
from pathlib import Path
from typing import Any

from openai import OpenAI

ASKS = 10

client = OpenAI()
messages: list[Any] = [{"role": "user", "content": Path(os.environ["DGM_INSTRUCTION"]).read_text()}]
for _ in range(ASKS):
    reply = client.chat.completions.create(model=os.environ["DGM_MODEL"], messages=messages)
    messages.append({"role": "assistant", "content": reply.choices[0].message.content or "(nothing)"})
    messages.append({"role": "user", "content": "Go on."})
for path in Path(os.environ["DGM_WORKSPACE"]).glob("*.py"):
    path.write_text(path.read_text() + "\n# asked\n")
