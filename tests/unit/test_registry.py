"""A registry imports what it names when somebody asks, and no earlier."""

import sys

import pytest

from shared.registry import Registry


def test_it_imports_only_what_is_asked_for() -> None:
    registry = Registry[object]({"here": "collections:Counter", "nowhere": "no.such.module:Thing"})
    assert list(registry) == ["here", "nowhere"]
    assert "nowhere" in registry  # so no verb that only looks loads torch
    assert registry["here"].__name__ == "Counter"  # type: ignore[attr-defined]
    with pytest.raises(ModuleNotFoundError):
        registry["nowhere"]
    with pytest.raises(KeyError):
        registry["unknown"]
    assert registry.get("unknown") is None
    assert "nowhere" in registry, "to ask whether there is a name imports nothing"
    assert "unknown" not in registry


def test_an_object_or_its_place_can_be_added_and_taken_away() -> None:
    registry = Registry[object]({})
    registry["one"], registry["other"] = sys, "math:pi"
    assert registry["one"] is sys
    assert 3 < registry["other"] < 4  # type: ignore[operator]
    del registry["one"]
    assert list(registry) == ["other"]
    assert len(registry) == 1


@pytest.mark.parametrize("room", ["features", "models", "strategies"])
def test_every_name_of_the_registries_leads_to_a_class(room: str) -> None:
    module = __import__(f"shared.{room}.registry", fromlist=["x"])
    registries = [found for found in vars(module).values() if isinstance(found, Registry)]
    assert registries
    assert all(isinstance(registry[name], type) for registry in registries for name in registry)
