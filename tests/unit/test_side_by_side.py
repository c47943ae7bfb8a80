"""None of several works goes on alone once another has failed."""

import asyncio

import pytest

from shared.side_by_side import side_by_side


async def test_the_others_are_over_when_the_first_error_is_raised() -> None:
    began, ended = asyncio.Event(), list[str]()

    async def waits() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # what has to be done at its end
            ended.append("waits")

    async def fails() -> None:
        await began.wait()
        raise ValueError("it has failed")

    with pytest.raises(ValueError, match="it has failed"):
        await side_by_side([waits(), fails()])
    assert ended == ["waits"]
