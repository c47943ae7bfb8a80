"""`tickline parity`: a recorded session is computed again and compared."""

from pathlib import Path
from typing import Annotated

import typer

from shared.errors import ParityBroken
from shared.messages import Stream
from shared.models.runtime import TOLERANCE
from shared.plural import plural


def parity(
    recording: Annotated[Path, typer.Argument(help="The folder of a recorded session.")],
    model: Annotated[
        str | None, typer.Option(help="Where the session's model is now: its name, or its card's path.")
    ] = None,
) -> None:
    """Compute a recorded session again, and compare every prediction, decision, order and reading, bit for bit.

    Where other versions or another CPU predicted then, floats are compared to 1e-6 of their standard deviation.
    """
    from services.research.parity.recording import parity as compute  # the model's runtime takes seconds to load
    from services.research.parity.stops import recorded_stops

    found = compute(recording, model)
    for line in found.identities:
        typer.echo(line)
    if found.other_runtime:
        typer.echo(f"parity: {found.other_runtime}: floats are compared to {TOLERANCE:g} of their s.d., not to the bit")
    for stream, compared in sorted(found.compared.items(), key=lambda item: list(Stream).index(item[0])):
        near = f", {found.near[stream]} more to {TOLERANCE:g} of their s.d." if found.near.get(stream) else ""
        typer.echo(f"parity: {found.identical[stream]} of {compared} {stream} identical{near}")
    for stream, count in found.ahead.items():
        if count:
            typer.echo(f"parity: {count} {stream} at the end were not answered yet")
    if found.of_exchange:
        told = plural(found.of_exchange, "execution is an exchange's", "executions are an exchange's")
        typer.echo(f"parity: {told}: taken as recorded, nothing here can compute them again")
    for line in recorded_stops(recording):
        typer.echo(line)
    for line in found.not_compared:
        typer.echo(f"parity: not compared: {line}")
    if found.first_difference is not None:
        raise ParityBroken(f"first difference: {found.first_difference}")
    if not found.proved:
        raise ParityBroken(f"{recording}: what is not compared is not shown to be the same")
