"""Who is let in to the page, and what is refused; asked over a real connection."""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.monitor.page import server
from services.monitor.page.session import Sessions
from shared.config.monitor import PageSettings
from shared.status.page_file import page_path, read_page_file
from tests.unit.monitor.page.site import Site, serving, settings_at


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serving(settings_at(tmp_path)) as served:
        yield served


async def test_a_code_is_a_session_once(site: Site) -> None:
    browser, code = site.browser, site.file.code
    assert (await browser.get("/")).headers["location"] == "/login"
    assert (await browser.get("/events")).status == 401
    answer = await browser.sign_in(f" {code.upper()} ")
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert (await browser.get("/")).status == 200
    again = await browser.sign_in(code)
    assert again.status == 403
    assert "used before" in await again.text()
    assert read_page_file(page_path(site.settings.state_dir)).code != code


async def test_a_token_in_an_address_is_nothing(site: Site) -> None:
    answer = await site.browser.sign_in(site.file.code)
    name, _, token = answer.headers["set-cookie"].partition(";")[0].partition("=")
    site.browser.web.cookie_jar.clear()
    assert (await site.browser.get(f"/events?{name}={token}&token={token}")).status == 401
    assert (await site.browser.get("/events", Cookie=f"{name}={token}x")).status == 401


async def test_the_file_is_its_owners_and_has_no_token(site: Site) -> None:
    answer = await site.browser.sign_in(site.file.code)
    path = page_path(site.settings.state_dir)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert answer.headers["set-cookie"].partition(";")[0].partition("=")[2] not in path.read_text()


async def test_who_calls_it_by_another_name_gets_nothing(site: Site) -> None:
    for name in ("evil.example", "evil.example:80", f"127.0.0.1.evil.example:{site.file.port}", "127.0.0.1"):
        for path in ("/", "/login", "/static/main.js"):
            assert (await site.browser.get(path, Host=name)).status == 421
    assert (await site.browser.get("/login", Host=f"localhost:{site.file.port}")).status == 200


async def test_every_answer_forbids_what_is_not_ours(site: Site) -> None:
    for path in ("/", "/login", "/static/main.js", "/events", "/nothing"):
        headers = (await site.browser.get(path)).headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "http" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


async def test_no_act_comes_from_elsewhere(site: Site) -> None:
    browser = site.browser
    assert (await browser.post("/acts/halt", {"confirm": "halt"})).status == 401
    await browser.sign_in(site.file.code)
    csrf = await browser.csrf()
    word = {"confirm": "halt"}
    assert len(csrf) == 64
    assert (await browser.post("/acts/halt", word)).status == 403
    assert (await browser.post("/acts/halt", word, **{"X-CSRF": "0" * 64})).status == 403
    assert (await browser.post("/acts/halt", word, Origin="http://evil.example", **{"X-CSRF": csrf})).status == 403
    cross = {"X-CSRF": csrf, "Sec-Fetch-Site": "cross-site"}
    assert (await browser.post("/acts/halt", word, **cross)).status == 403
    assert (await browser.post("/acts/halt", "no object", **{"X-CSRF": csrf})).status == 400
    assert (await browser.post("/acts/halt", {"confirm": "x" * 9_000}, **{"X-CSRF": csrf})).status == 400
    assert (await browser.get("/acts/halt")).status == 405


async def test_nobody_signs_in_or_out_from_elsewhere(site: Site) -> None:
    browser = site.browser
    assert (await browser.post("/login", {"code": site.file.code}, Origin="http://evil.example")).status == 403
    await browser.sign_in(site.file.code)
    assert (await browser.post("/logout")).status == 403
    assert (await browser.post("/logout", **{"X-CSRF": await browser.csrf()})).status == 204
    assert (await browser.get("/events")).status == 401


async def test_guesses_are_slow(site: Site) -> None:
    answers = [(await site.browser.sign_in(f"guess{i}")).status for i in range(12)]
    assert answers[:10] == [403] * 10
    assert answers[-1] == 429


async def test_a_session_outlives_the_monitor_and_so_does_the_port(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    async with serving(settings) as site:
        answer = await site.browser.sign_in(site.file.code)
        cookie = answer.headers["set-cookie"].partition(";")[0]
    async with serving(settings) as later:
        assert later.file.port == site.file.port
        assert later.file.code != site.file.code
        assert (await later.browser.get("/", Cookie=cookie)).status == 200


async def test_who_signs_out_sees_no_more(site: Site) -> None:
    browser = site.browser
    await browser.sign_in(site.file.code)
    stream = browser.events()
    await anext(stream)
    assert (await browser.post("/logout", **{"X-CSRF": await browser.csrf()})).status == 204
    async for _ in stream:
        pass


async def test_where_nobody_can_be_told_of_it_no_socket_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may be full for a night, and the alerts need what is left of the process's files."""
    told, asked = tmp_path / "state", 0

    def serve_at(sessions: Sessions, url: str, port: int) -> None:
        nonlocal asked
        asked += 1
        if asked < 20:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(server, "AGAIN_S", 0.0)
    monkeypatch.setattr(Sessions, "serve_at", serve_at)
    before = len(os.listdir("/proc/self/fd"))
    async with asyncio.timeout(60):
        sock, _ = await server._listen(PageSettings(port=0), Sessions(told))
    assert asked == 20
    assert len(os.listdir("/proc/self/fd")) == before + 1
    sock.close()


def test_who_comes_before_the_server_is_at_work_is_not_refused() -> None:
    """The address is told once the port is had."""
    with server.bound(PageSettings(), 0) as sock:
        socket.create_connection(sock.getsockname(), timeout=20).close()
