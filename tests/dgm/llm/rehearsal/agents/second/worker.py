"""A coding agent in one class: it is told things in prose and acts in bash, one block a step."""

import os
import re
import subprocess
import time

STEP_LIMIT = 6
OBSERVATION_CHARS = 400
KEEP_MESSAGES = 30


class Worker:
    """Leads one conversation in one directory."""

    def __init__(self, place, deadline, ask, observation_chars=OBSERVATION_CHARS):
        self.place = place
        self.deadline = deadline
        self.ask = ask
        self.observation_chars = observation_chars
        self.history = []

    def tell(self, words):
        self.history.append({"role": "user", "content": words})

    def work(self):
        steps = 0
        while steps < STEP_LIMIT and time.time() < self.deadline:
            steps += 1
            answer = {
                "role": "assistant",
                "content": self.ask(self.history[:1] + self.history[1:][-KEEP_MESSAGES:]),
            }
            self.history.append(answer)
            actions = re.findall(r"```bash\n(.*?)\n```", answer["content"], re.DOTALL)
            if not actions:
                return
            observation = self.act(actions[0])
            self.tell("Observation:\n" + self.cut(observation) + f"\nSteps left: {STEP_LIMIT - steps}")

    def act(self, action):
        done = subprocess.run(
            ["sh", "-c", action], cwd=self.place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30
        )
        seen = done.stdout.decode(errors="replace").replace(os.path.realpath(self.place) + "/", "")
        return re.sub(r"in \d+\.\d+s", "in a moment", seen)

    def cut(self, observation):
        if len(observation) > self.observation_chars:
            return observation[: self.observation_chars] + "\n[observation truncated]"
        return observation


def model():
    """A function from messages to the text of the model's answer."""
    import openai

    client = openai.OpenAI()

    def ask(messages):
        completion = client.chat.completions.create(model=os.environ["DGM_MODEL"], messages=messages)
        return completion.choices[0].message.content or ""

    return ask
