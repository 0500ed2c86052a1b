"""The model: one chat completion per query, over the stock OpenAI client."""

import os


class Model:
    """Talks to whatever `OPENAI_BASE_URL` names, as the model that `DGM_MODEL` names."""

    def __init__(self):
        from openai import OpenAI  # here and nowhere else: the import is slow, and tests do without it

        self.name = os.environ["DGM_MODEL"]
        self.client = OpenAI()

    def query(self, messages, tools):
        """One reply, as a plain chat message."""
        response = self.client.chat.completions.create(model=self.name, messages=messages, tools=tools)
        reply = response.choices[0].message
        message = {"role": "assistant", "content": reply.content or ""}
        if reply.tool_calls:
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.function.name, "arguments": call.function.arguments},
                }
                for call in reply.tool_calls
            ]
        return message
