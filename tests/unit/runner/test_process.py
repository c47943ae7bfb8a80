"""How a process of ours loads its modules."""

import os

import pytest

from shared.runner.process import loading

PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


@pytest.mark.parametrize(("set_to", "found"), [(None, "__all__"), ("", ""), ("other", "other")])
def test_who_wants_a_plugin_of_pydantics_can_have_it(
    monkeypatch: pytest.MonkeyPatch, set_to: str | None, found: str
) -> None:
    """docs/bring-your-own.md says how."""
    monkeypatch.setenv(PLUGINS, set_to or "")  # in any case, so that it is undone
    if set_to is None:
        monkeypatch.delenv(PLUGINS)
    with loading():
        pass
    assert os.environ[PLUGINS] == found
