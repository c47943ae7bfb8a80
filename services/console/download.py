"""`tickline download`: an exchange's history, into Parquet files."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.console.progress import DownloadProgress
from services.research.download.kinds import KindName
from shared.errors import ConfigError
from shared.plural import plural

if TYPE_CHECKING:
    from services.research.download.job import Job

BASE_URL = "TICKLINE_TEST_VENUE_URL"  # tests put a local server in the exchanges' place


def download(
    exchange: Annotated[str, typer.Option(help="The exchange, by ccxt's name, e.g. binance.")],
    market: Annotated[str, typer.Option(help="The market, as ccxt writes it, e.g. BTC/USDT:USDT.")],
    sym: Annotated[str, typer.Option(help="Your symbol for it, e.g. BTCUSDT: it names the folder.")],
    start: Annotated[str, typer.Option("--from", help="The first time, e.g. 2024-01-01 (UTC).")],
    kind: Annotated[KindName, typer.Option(help="What to fetch.")] = KindName.OHLCV,
    interval: Annotated[str | None, typer.Option(help="Of the bars, e.g. 12h.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Up to this time, not included; now by default.")] = None,
    folder: Annotated[Path, typer.Option(help="Where the files go, by symbol, kind and month.")] = Path("data"),
    merge: Annotated[Path | None, typer.Option(help="Write the rows of all months into this Parquet file too.")] = None,
    funding: Annotated[bool, typer.Option(help="With --merge: the funding rate known at each bar's end.")] = False,
) -> None:
    """Fetch bars, trades or funding rates of an exchange into Parquet files, a month each; goes on where it ended."""
    from services.research.download.job import make_job

    job = make_job(exchange, market, sym, kind, interval, start, end, folder)
    if funding and (merge is None or kind is not KindName.OHLCV):
        raise ConfigError("--funding goes with --kind ohlcv and --merge FILE: it is a column of that file")
    try:
        asyncio.run(_download(job, merge, funding))
    except KeyboardInterrupt:
        typer.echo("stopped: what was fetched is kept, and the same command goes on from there", err=True)
        raise typer.Exit(130) from None


async def _download(job: "Job", merged: Path | None, funding: bool) -> None:
    # pyarrow and ccxt, which takes seconds to load
    from services.research.download.check import check_lines, funding_job, merge, require_merge_path, settled_rates
    from services.research.download.download import Download
    from services.research.download.history import PublicExchange

    if merged is not None:
        require_merge_path(job, merged)
    with DownloadProgress() as progress:
        async with PublicExchange(
            job.origin.exchange, base_url=os.environ.get(BASE_URL, ""), say=progress.say
        ) as venue:
            result = await Download(job, venue, progress.report).run()
            rates = None
            if funding:
                rates = settled_rates(await Download(funding_job(job), venue, progress.report).run())
    typer.echo(
        f"{job.origin} in {job.place}: {plural(len(result.files), 'month')}, "
        f"{plural(result.rows, 'row', spec=',')} fetched now"
    )
    for line in check_lines(job, result):
        typer.echo(line)
    if merged is not None:
        typer.echo(f"{merged}: {plural(merge(job, result, merged, rates), 'row', spec=',')}")
