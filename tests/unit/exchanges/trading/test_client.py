import subprocess
import sys


def test_ccxt_is_loaded_only_when_a_venue_is_made() -> None:
    code = (
        "import sys, shared.exchanges.trading.ccxt_venue, services.gateway.main; "
        "sys.exit(any(name in sys.modules for name in ('ccxt', 'aiohttp')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
