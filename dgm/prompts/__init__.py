"""Prompt templates as files; a missing variable is an error."""

from __future__ import annotations

from importlib.resources import files
from string import Template


def prompt(name: str, **variables: str) -> str:
    """The template `name` filled in. Raises KeyError when it names a variable that is not given."""
    return Template((files(__name__) / f"{name}.md").read_text(encoding="utf-8")).substitute(variables)
