"""A second voice: what the models of other roles say, where a run has them."""

import os
from difflib import unified_diff
from pathlib import Path
from string import Template

from model import Model

PROMPTS = Path(__file__).parent / "prompts"


def present(role):
    """Whether another model than the one that does the work has this role."""
    return os.environ.get(f"DGM_{role.upper()}_MODEL", os.environ["DGM_MODEL"]) != os.environ["DGM_MODEL"]


def opinion(role, **shown):
    """The answer of the model that has this role to what it is shown."""
    model = Model()
    model.name = os.environ[f"DGM_{role.upper()}_MODEL"]
    question = Template((PROMPTS / f"{role}.md").read_text()).substitute(shown)
    return model.query([{"role": "user", "content": question}], None)["content"]


def changed(before, after):
    """How one text differs from another."""
    return "\n".join(unified_diff(before.splitlines(), after.splitlines(), lineterm=""))
