"""A page that is served on a bus in memory, and a browser that has signed in."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import ClientResponse, ClientSession, CookieJar

from services.monitor.page.server import serve_page
from shared.config import Settings, load_settings
from shared.messages import Message
from shared.status.page_file import PageFile, page_path, read_page_file
from tests.unit.monitor.session import SYMBOLS, Line
from tests.until import until


def settings_at(folder: Path, **more: Any) -> Settings:
    """Settings of a line on paper whose page takes any port."""
    given: dict[str, Any] = {"symbols": SYMBOLS, "interval": "12h", "signal": {"model": "none"}, **more}
    return load_settings(**given, state_dir=folder, monitor={"page": {"port": 0}}, recorder={"on": False})


class Event(NamedTuple):
    """One event of the stream."""

    name: str
    data: dict[str, Any]


class Browser:
    """A browser at the page: it keeps cookies, and tells where it comes from as browsers do."""

    def __init__(self, web: ClientSession, url: str) -> None:
        self.web, self.url = web, url

    async def get(self, path: str, **headers: str) -> ClientResponse:
        """Asks, and follows nothing."""
        answer = await self.web.get(self.url + path, headers=headers, allow_redirects=False)
        if answer.content_type != "text/event-stream":
            await answer.read()
        return answer

    async def post(self, path: str, data: Any = None, **headers: str) -> ClientResponse:
        """Posts from the page itself, where `headers` say nothing else."""
        given = {"Origin": self.url, **headers}
        body = {"json": data} if path.startswith("/acts/") else {"data": data}
        answer = await self.web.post(self.url + path, **body, headers=given, allow_redirects=False)
        await answer.read()
        return answer

    async def sign_in(self, code: str) -> ClientResponse:
        """Types a code."""
        return await self.post("/login", {"code": code})

    async def csrf(self) -> str:
        """Returns the token of the page."""
        text = await (await self.get("/")).text()
        return text.partition('name="csrf" content="')[2].partition('"')[0]

    async def events(self) -> AsyncIterator[Event]:
        """Yields the stream's events."""
        answer = await self.get("/events")
        assert answer.status == 200
        name = ""
        try:
            async for line in answer.content:
                key, _, value = line.decode().rstrip("\n").partition(": ")
                if key == "event":
                    name = value
                elif key == "data":
                    yield Event(name, json.loads(value))
        finally:
            answer.close()


class Site(NamedTuple):
    """A served page. file: what stands in its file when it began."""

    line: Line
    settings: Settings
    file: PageFile
    browser: Browser


@asynccontextmanager
async def serving(settings: Settings, messages: Iterable[Message] = ()) -> AsyncIterator[Site]:
    """Serves the page of a line that has written these messages."""
    line = Line(settings)
    await line.write(iter(messages))
    began = read_page_file(page_path(settings.state_dir)).began_ms
    task = asyncio.create_task(serve_page(settings, line.bus))

    def file() -> PageFile:
        if task.done():
            task.result()
        return read_page_file(page_path(settings.state_dir))

    try:
        await until(lambda: file().began_ms > began)
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as web:
            yield Site(line, settings, file(), Browser(web, file().url))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
