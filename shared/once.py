"""An option that takes one value may be given once; of two, click would silently take the last."""

from collections import Counter
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption

from shared.errors import ConfigError


class OnceCommand(TyperCommand):
    """A command that refuses an option that is given twice and takes one value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses as click does; raises ConfigError for a repeated option."""
        if not ctx.resilient_parsing:
            _, _, given = self.make_parser(ctx).parse_args(args=list(args))
            for name, count in Counter(param.name for param in given).items():
                option = next(param for param in given if param.name == name)
                if count > 1 and isinstance(option, TyperOption) and not (option.multiple or option.is_flag):
                    raise ConfigError(f"{option.opts[0]} was given {count} times and takes one value: give it once")
        return super().parse_args(ctx, args)


def refuse_repeats(app: typer.Typer) -> None:
    """Makes every command of an app an OnceCommand, also in its groups."""
    for command in app.registered_commands:
        command.cls = OnceCommand
    for group in app.registered_groups:
        if group.typer_instance is not None:
            refuse_repeats(group.typer_instance)
