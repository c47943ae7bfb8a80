"""The page beside the monitor's stage: it reads on its own, and nothing of the stage waits for it."""

import asyncio

import structlog

from services.monitor.page.acts import PageActs
from services.monitor.page.reader import PageReader
from services.monitor.page.server import PageApp, bound, names_of, serve
from services.monitor.page.session import Sessions
from services.monitor.page.stream import EventHub
from shared.bus.api import Bus
from shared.config import Settings
from shared.status.page_file import page_path

AGAIN_S = 10.0  # after the port was not to be had

log = structlog.get_logger()


async def serve_page(settings: Settings, bus: Bus) -> None:
    """Serves the page until cancelled; where its port is taken it tries again, said once."""
    own = settings.monitor.page
    sessions = Sessions(page_path(settings.state_dir))
    said = ""
    while True:
        try:
            sock = bound(own, sessions.port)
            names = names_of(own, sock.getsockname()[1])
            sessions.serve_at(f"http://{names[0]}", sock.getsockname()[1])
            break
        except OSError as error:
            if str(error) != said:
                log.error("no page", why=f"{own.host}:{own.port}: {error.strerror or error}: it is tried again")
            said = str(error)
        await asyncio.sleep(AGAIN_S)
    acts = PageActs(settings)
    reader = PageReader(settings, bus, acts.shown())
    hub = EventHub(reader.beat)
    app = PageApp(names, sessions, hub, acts.do, reader.trace, reader.symbol)
    reading = asyncio.create_task(reader.run(hub))
    log.info("page", url=f"http://{names[0]}")
    try:
        await serve(app, sock, hub)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        sock.close()
