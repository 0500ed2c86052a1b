"""As little as can be called an agent: one question, and the answer goes into the file."""

import os
import re
from pathlib import Path

from openai import OpenAI

task = Path(os.environ["DGM_INSTRUCTION"]).read_text()
question = {"role": "user", "content": f"Write the Python file for this.\n\n{task}"}
reply = OpenAI().chat.completions.create(model=os.environ["DGM_MODEL"], messages=[question])
code = re.search(r"```\w*\n(.*?)```", reply.choices[0].message.content or "", re.DOTALL)
for path in Path(os.environ["DGM_WORKSPACE"]).glob("*.py"):
    if code and not path.name.endswith("_test.py"):
        path.write_text(code.group(1))
