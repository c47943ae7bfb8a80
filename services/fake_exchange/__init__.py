"""A local exchange for unmodified ccxt classes: one HTTP server in place of all of a venue's hosts.

    python -m services.fake_exchange --venue binance --port 8900 --state .tickline/fake-binance

What a venue serves as `https://HOST/PATH` is here `http://127.0.0.1:PORT/HOST/PATH`. Its keys are `fake-key`,
`fake-secret` and `fake-password`.

`server.py` serves; it knows no venue. A venue is a table of routes, by host and path: `binance.py` (USD-M futures),
`binance_spot.py`, `okx.py` (swaps and spot), and public history in `binance_usdm.py`. All trade on one engine,
`book.py`, which keeps the venue's own book: every accepted order and every fill, as nothing that is done wrong by a
client can change it. Websockets are more routes of a venue, and another venue is another table.

What goes wrong is switched: `faults.py` strikes chosen requests, `weather.py` draws lots by a seed. In a test's own
process `serve.py` gives all of it as objects; over HTTP it is `POST /_fake/NAME` with JSON, see `admin.py`:

    curl -d '{"chances": {"drop_after": 0.1, "stale": 0.2}, "seed": 7}' http://127.0.0.1:8900/_fake/weather
    curl -d '{"mode": "STATUS", "status": 429, "path": "/order", "headers": {"Retry-After": "9"}}' .../_fake/fault
    curl -d '{}' http://127.0.0.1:8900/_fake/book

What befalls a websocket's messages is in `feed_weather.py`, by switch and at random, and over HTTP in `feed_admin.py`:

    python -m services.fake_exchange --port 8900 --markets 20 --trades-per-s 50 --past-s 3600
    curl -d '{"chances": {"gap": 0.001, "disconnect": 0.0001}, "seed": 7}' http://127.0.0.1:8900/_fake/feed
    curl -d '{"trouble": "silence", "stream": "btcusdt@trade", "ms": 5000}' .../_fake/feed_fault
"""
