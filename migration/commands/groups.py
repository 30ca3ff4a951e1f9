"""A command group whose most used command need not be named: `migrate geocode D` is `migrate geocode division D`."""

from typing import Any

from typer.core import TyperGroup


class DefaultCommandGroup(TyperGroup):
    """A group whose first command runs when the first argument names none of its commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Commands in the order they were added."""
        return list(self.commands)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """The named command, or the first one with all the arguments."""
        if args and args[0] not in self.commands:
            args = [next(iter(self.commands)), *args]
        return super().resolve_command(ctx, args)
