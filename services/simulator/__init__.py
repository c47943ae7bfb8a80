"""A local exchange for unmodified ccxt classes: one HTTP server in place of all of a venue's hosts.

    python -m services.simulator --venue binance --port 8900 --state .tickline/fake-binance

`--venue`: binance, binance-spot, okx (swaps and spot), bybit, bybit-spot. What a venue serves as `https://HOST/PATH` is
here `http://127.0.0.1:PORT/HOST/PATH`. Its keys are `fake-key`, `fake-secret` and `fake-password`.

`server.py` serves; it knows no venue. A venue is a table of routes, by host and path: `binance.py` (USD-M futures, with
conditional orders in `binance_algo.py`), `binance_spot.py`, `okx.py`, `bybit.py`, and public history beside each. All
trade on one engine, `book.py`, which keeps the venue's own book: every accepted order and every fill, as nothing that
is done wrong by a client can change it. Websockets are `feed.py` over a dialect of streams (`streams.py`).

What goes wrong is switched: `faults.py` strikes chosen requests, `weather.py` draws lots by a seed. In a test's own
process `serve.py` gives all of it as objects; over HTTP it is `POST /_fake/NAME` with JSON, see `admin.py`:

    curl -d '{"chances": {"drop_after": 0.1, "stale": 0.2}, "seed": 7}' http://127.0.0.1:8900/_fake/weather
    curl -d '{"mode": "STATUS", "status": 429, "path": "/order", "headers": {"Retry-After": "9"}}' .../_fake/fault
    curl -d '{}' http://127.0.0.1:8900/_fake/book

An error of the venue's is a fault with its text, e.g. {"mode": "STATUS", "status": 200, "path": "/order/create",
"text": "{\\"retCode\\": 10024, \\"retMsg\\": \\"Compliance rules triggered\\"}"}.

What a person or the venue does with the account (in a test's process: `fake.book`, `fake.floor`):

    order      somebody else's: {"sym", "qty", "client_id", "limit", "reduce_only", "leg", "trigger", "rises", "algo"};
               leg: LONG, SHORT (a hedge) or CROSS (OKX, beside the isolated one); trigger: a conditional order;
               Book.place(Ask(...))
    close_out  {"sym", "as": "liquidation" | "adl" | "settlement"}: SimulatorState.close_out
    funding    {"sym", "rate"}: SimulatorState.fund
    deposit    {"currency", "amount"}: Book.pay("TRANSFER", "", ...)
    market     {"sym", "status": the venue's word, fields of Listing}: SETTLING, suspend, Delivering, Closed ...
    quiet      {"ms"}: how old the best prices are by a ticker's own time: SimulatorState.quiet_ms
    withdraws, reads_only   what the key may: Floor.keys
    setting    {"key", "value"}: Book.set. Keys:
               all        leverage:SYM, status:SYM, delivery:SYM (ms: an announced delisting), fee_in (a listing),
                          fee_coin (BNFCR: a coin without a price)
               Binance    dual (true: hedge), margin:SYM (CROSSED, ISOLATED), multiAssets, portfolio
               OKX        mode (long_short_mode: hedge), acctLv (1 to 4), algo:CLIENT_ID (kind of one that waits)
               Bybit      dual (true: hedge), marginMode (REGULAR_MARGIN, ISOLATED_MARGIN, PORTFOLIO_MARGIN),
                          unifiedMarginStatus (1: classic), extra_fee (a tax, share of the fee), block_trades (one
                          beside each so-manyth trade)

What befalls a websocket's messages is in `feed_weather.py`, by switch and at random, what befalls a subscription in
`feed_start.py`, and over HTTP in `feed_admin.py`:

    python -m services.simulator --port 8900 --markets 20 --trades-per-s 50 --past-s 3600
    curl -d '{"chances": {"gap": 0.001, "disconnect": 0.0001}, "seed": 7}' http://127.0.0.1:8900/_fake/feed
    curl -d '{"trouble": "silence", "stream": "btcusdt@trade", "ms": 5000}' .../_fake/feed_fault
    curl -d '{"what": "mute", "stream": "trades:BTC-USDT-SWAP", "times": 2}' .../_fake/feed_start
"""
