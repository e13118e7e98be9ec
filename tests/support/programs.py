"""Functions and a worker that a test watches and slows down; nothing runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from pullprod_control_plane.domain.errors import Busy, FunctionRefused
from pullprod_control_plane.ports import Alias, Program


@dataclass
class ToldFunctions:
    """Functions: keeps what it is told. The next `slow` publishes take time; handlers named `broken` never run."""

    slow: int = 0
    origins: dict[tuple[str, str, str], str] = field(default_factory=dict)
    aliases: dict[Alias, tuple[str, int]] = field(default_factory=dict)

    def publish(self, program: Program) -> str | None:
        if program.function.handler == "broken":
            raise FunctionRefused("It cannot run.", function=program.function.name)
        if self.slow:
            self.slow -= 1
            return None
        host = f"{len(self.origins)}.functions.test"
        return self.origins.setdefault((program.app, program.function.name, program.digest), host)

    def remove(self, app: str, function: str, digest: str) -> None:
        showing = [a for a, shown in self.aliases.items() if (a.app, a.function, shown[0]) == (app, function, digest)]
        if showing:
            raise Busy(f"{showing[0].pointer} still shows it.")
        self.origins.pop((app, function, digest), None)

    def point(self, alias: Alias, digest: str | None, generation: int) -> None:
        if self.aliases.get(alias, ("", 0))[1] > generation:
            return
        if digest is None:
            self.aliases.pop(alias, None)
            return
        assert (alias.app, alias.function, digest) in self.origins, "only what was published can be shown"
        self.aliases[alias] = (digest, generation)

    def pointed(self, alias: Alias) -> str | None:
        return self.aliases[alias][0] if alias in self.aliases else None


@dataclass
class CountedWorker:
    """Worker: counts how often it is woken."""

    woken: int = 0

    def wake(self) -> None:
        self.woken += 1
