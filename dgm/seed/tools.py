"""The tools that the model may call, and how a call becomes a result text."""

import json
import os
import re
import subprocess

OUTPUT_LIMIT = 400  # characters of a tool's result that the model gets to see
SHELL_SECONDS = 10  # a command that takes longer is stopped


def schema(name, description, *parameters):
    properties = {parameter: {"type": "string"} for parameter in parameters}
    inner = {"type": "object", "properties": properties, "required": list(parameters)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": inner}}


SCHEMAS = [
    schema("shell", "Run a shell command in the workspace and see its output.", "command"),
    schema("write_file", "Write a whole file.", "path", "content"),
    schema("edit_file", "Replace one passage of a file; `old` must occur in it exactly once.", "path", "old", "new"),
]


class Toolbox:
    """Runs tool calls inside one workspace."""

    def __init__(self, workspace):
        self.workspace = workspace

    def run(self, call):
        """The result of one tool call, as the text that the model sees."""
        name = call["function"]["name"]
        try:
            arguments = json.loads(call["function"]["arguments"])
        except ValueError:
            return "error: bad arguments"
        try:
            if name == "shell":
                return clip(self.shell(arguments["command"]))
            if name == "write_file":
                return self.write_file(arguments["path"], arguments["content"])
            if name == "edit_file":
                return self.edit_file(arguments["path"], arguments["old"], arguments["new"])
        except (KeyError, OSError, UnicodeError) as error:
            return f"error: {type(error).__name__}"
        return "error: no such tool"

    def shell(self, command):
        try:
            done = subprocess.run(
                command,
                shell=True,
                cwd=self.workspace,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=SHELL_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return "error: the command took too long"
        return steady(done.stdout.decode("utf-8", "replace"), self.workspace)

    def write_file(self, path, content):
        target = self.inside(path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(content)
        return f"wrote {path}"

    def edit_file(self, path, old, new):
        with open(self.inside(path), encoding="utf-8") as file:
            text = file.read()
        if text.count(old) != 1:
            return "error: old text not found"
        return self.write_file(path, text.replace(old, new))

    def inside(self, path):
        return os.path.join(self.workspace, path)


def clip(text):
    """The part of a result that is shown."""
    if len(text) <= OUTPUT_LIMIT:
        return text
    return text[:OUTPUT_LIMIT] + "\n[output cut]"


def steady(text, workspace):
    """The text without what differs from run to run: durations and where the workspace lies."""
    text = text.replace(os.path.join(os.path.realpath(workspace), ""), "").replace(os.path.join(workspace, ""), "")
    return re.sub(r"\bin \d+\.\d+s", "in a moment", text)
