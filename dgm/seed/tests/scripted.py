"""A model that says what a script tells it (its last line again and again), and remembers what it was shown."""

import copy


class ScriptedModel:
    def __init__(self, *replies):
        self.replies = list(replies)
        self.shown = []

    def query(self, messages, tools):
        self.shown.append(copy.deepcopy(messages))
        return self.replies.pop(0) if len(self.replies) > 1 else dict(self.replies[0])


def says(content):
    return {"role": "assistant", "content": content}


def calls(name, arguments):
    call = {"id": "call", "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": "", "tool_calls": [call]}
