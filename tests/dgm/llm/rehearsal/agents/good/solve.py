"""What a person would write for this model: show everything, forgive every slip, test, and ask to look again."""

import json
import os
import re
import subprocess
from pathlib import Path

TURNS = 40
READINGS = 5
AGAIN = "Reread the rules of the task one by one. If one of them is not kept, mend it; otherwise say so."


def tool(name, *parameters):
    inner = {
        "type": "object",
        "properties": {p: {"type": "string"} for p in parameters},
        "required": list(parameters),
    }
    return {"type": "function", "function": {"name": name, "description": name, "parameters": inner}}


TOOLS = [tool("write_file", "path", "content"), tool("bash", "command")]


def run(command, place):
    done = subprocess.run(
        command, shell=True, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30
    )
    return re.sub(r"in [\d.]+s", "in a moment", done.stdout.decode()).replace(
        f"{os.path.realpath(place)}/", ""
    )


def perform(call, place):
    text = call.function.arguments
    arguments = json.loads(text[text.find("{") : text.rfind("}")].rstrip().rstrip(",") + "}")
    if call.function.name == "bash":
        return run(arguments["command"], place)
    Path(place, arguments["path"]).write_text(arguments["content"])
    return "written"


def main():
    from openai import OpenAI

    client, place = OpenAI(), os.environ["DGM_WORKSPACE"]
    files = "\n".join(f"=== {path.name} ===\n{path.read_text()}" for path in sorted(Path(place).glob("*.py")))
    task = Path(os.environ["DGM_INSTRUCTION"]).read_text()
    messages = [{"role": "user", "content": f"Solve this with your tools.\n\n{task}\n\n{files}"}]
    readings = 0
    for _ in range(TURNS):
        reply = client.chat.completions.create(model=os.environ["DGM_MODEL"], messages=messages, tools=TOOLS)
        message = reply.choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls or []:
            messages.append({"role": "tool", "tool_call_id": call.id, "content": perform(call, place)})
        if message.tool_calls:
            continue
        report = run("python3 -B -m unittest discover -p '*_test.py'", place)
        if not message.content:
            messages.append({"role": "user", "content": "Your reply was empty."})
        elif "FAILED" in report:
            messages.append({"role": "user", "content": f"The tests fail:\n{report}"})
        elif readings < READINGS:
            readings += 1
            messages.append({"role": "user", "content": AGAIN})
        else:
            return


main()
