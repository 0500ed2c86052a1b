"""A box that hands everything on to another, for tests that change or watch a part of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from sandbox import Box, ExecResult, Files


class Forwarding:
    def __init__(self, inner: Box) -> None:
        self.inner = inner

    @property
    def base_url(self) -> str | None:
        return self.inner.base_url

    @property
    def tools(self) -> str:
        return self.inner.tools

    @property
    def queued_s(self) -> float:
        return self.inner.queued_s

    def path(self, area: str) -> str:
        return self.inner.path(area)

    def exec(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        area: str = "workspace",
        seconds: float | None = None,
    ) -> ExecResult:
        self.about_to("exec")
        return self.inner.exec(argv, env=env, area=area, seconds=seconds)

    def exec_pair(
        self,
        trusted: Sequence[str],
        untrusted: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> ExecResult:
        self.about_to("pair")
        return self.inner.exec_pair(trusted, untrusted, env=env, seconds=seconds)

    def get(self) -> Files:
        self.about_to("get")
        return self.inner.get()

    def take(self) -> Files:
        self.about_to("get")
        return self.inner.take()

    def close(self) -> None:
        self.about_to("close")
        self.inner.close()

    def about_to(self, what: str) -> None:
        """Called before each of these is handed on."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
