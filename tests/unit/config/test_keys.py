"""Keys come from variables or files, one of the two, and no error shows them."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.config.gateway import GatewaySettings
from shared.config.keys import read_keys
from shared.errors import ConfigError


def written(folder: Path, **files: str) -> GatewaySettings:
    for name, text in files.items():
        (folder / name).write_text(text)
    return GatewaySettings(keys_dir=folder)


def test_from_files(tmp_path: Path) -> None:
    keys = read_keys(written(tmp_path, api_key="the key\n".replace(" ", "-"), api_secret="s"))
    assert [key.get_secret_value() for key in keys] == ["the-key", "s", ""]
    assert "the-key" not in repr(keys)


def test_a_password_beside_them(tmp_path: Path) -> None:
    keys = read_keys(written(tmp_path, api_key="k", api_secret="s", api_password="p"))
    assert keys.api_password.get_secret_value() == "p"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "api_key cannot be read: No such file"),
        ({"api_key": "k"}, "api_secret cannot be read"),
        ({"api_key": "", "api_secret": "s"}, "one key on one line"),
        ({"api_key": "hush", "api_secret": "hush\nhush"}, "one key on one line"),
        ({"api_key": "hush" * 2_000, "api_secret": "s"}, "one key on one line"),
        ({"api_key": "hüsh", "api_secret": "s"}, "it is no text"),
    ],
)
def test_files_that_are_no_keys(tmp_path: Path, files: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        read_keys(written(tmp_path, **files))
    assert "hush" not in str(error.value)


def test_none_at_all() -> None:
    with pytest.raises(ConfigError, match="TICKLINE_GATEWAY__API_KEY"):
        read_keys(GatewaySettings())


def test_given_twice(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="keep one of the two"):
        read_keys(GatewaySettings(keys_dir=tmp_path, api_key=SecretStr("k")))
