"""Boxes that are containers of a Docker engine: the level for code that a model wrote."""

from sandbox.docker import guard
from sandbox.docker.backend import DockerSandbox
from sandbox.docker.engine import Engine, EngineError
from sandbox.docker.images import Images, build, find
from sandbox.docker.reaper import reap

__all__ = ["DockerSandbox", "Engine", "EngineError", "Images", "build", "find", "guard", "reap"]
