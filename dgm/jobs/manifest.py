"""`agent.toml`: which commands an agent is called by."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

MANIFEST = "agent.toml"


class ManifestError(ValueError):
    """An `agent.toml` that does not say how the agent is called."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The commands of an agent, run in the root of its tree."""

    name: str
    solve: tuple[str, ...]
    improve: tuple[str, ...]
    check: tuple[str, ...]

    @property
    def entries(self) -> frozenset[str]:
        """Every word of the three commands: those that are paths in the tree must stay where they are."""
        return frozenset((*self.solve, *self.improve, *self.check))


def parse_manifest(text: bytes) -> Manifest:
    """Read an `agent.toml`. Raises ManifestError with what was expected and what came."""
    try:
        agent = tomllib.loads(text.decode("utf-8")).get("agent")
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ManifestError(f"{MANIFEST} must be TOML in UTF-8: {error}") from error
    if not isinstance(agent, dict) or not isinstance(agent.get("name"), str):
        raise ManifestError(f"{MANIFEST} must have a table [agent] with a name, got {agent!r}")
    return Manifest(
        name=agent["name"],
        solve=_command(agent, "solve"),
        improve=_command(agent, "improve"),
        check=_command(agent, "check"),
    )


def _command(agent: dict[str, object], key: str) -> tuple[str, ...]:
    value = agent.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(word, str) and word for word in value):
        raise ManifestError(
            f'{MANIFEST}: agent.{key} must be a list of words such as ["python3", "{key}.py"], got {value!r}'
        )
    return tuple(value)
