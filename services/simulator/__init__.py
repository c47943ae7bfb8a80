"""The simulator: a local exchange that unmodified ccxt classes take for a real one.

    python -m services simulator --venue binance --port 8900 --state .tickline/fake-binance

`--venue`: binance, binance-spot, okx (swaps and spot), bybit, bybit-spot, hyperliquid. What the exchange serves at
`https://HOST/PATH` is here at `http://127.0.0.1:PORT/HOST/PATH`. Its keys are `fake-key`, `fake-secret` and
`fake-password`; at Hyperliquid, where it finds out who has signed, `OWNER` and `WALLET_KEY` in `hyperliquid/rest.py`.

`simulator.py` puts a simulator together. All dialects trade on one engine (`engine/`), which keeps every accepted order
and every fill, whatever a client does wrong. A dialect is a folder of these files, and a line in `dialects.py`:

    dialect.py     its listings, its routes, and what it tells without a key
    rest.py        what all of its REST has in common: signature, envelope, errors
    orders.py      orders and fills
    account.py     account, positions, settings
    stops.py       stops, and the orders that carry them, where the exchange has them
    websocket.py   its public streams

`http/` and `websocket/` are the servers; they know no exchange. A row says where it comes from: a page of the
exchange's, (P) or P; a recording, C; or what ccxt reads.

What goes wrong is switched: a Fault strikes chosen requests, RandomFaults draw lots by a seed. Some of it happens
unless somebody says otherwise (`USUAL` in `engine/faults.py`): an IOC finds nothing or a part, an order's row, its end
and its trades are seen late. `--fair`, or chances of {}, ends that. In a test's own process `serving` gives all of it
as objects; over HTTP it is `POST /_fake/NAME` with JSON, see `http/admin.py`:

    curl -d '{"chances": {"drop_after": 0.1, "stale": 0.2}, "seed": 7}' http://127.0.0.1:8900/_fake/weather
    curl -d '{"mode": "STATUS", "status": 429, "path": "/order", "headers": {"Retry-After": "9"}}' .../_fake/fault
    curl -d '{}' http://127.0.0.1:8900/_fake/book

An error in the exchange's form is a fault with its text, e.g.
{"mode": "STATUS", "status": 200, "path": "/order/create",
"text": "{\\"retCode\\": 10024, \\"retMsg\\": \\"Compliance rules triggered\\"}"}.

What a person or the exchange does with the account, and the same in a test's process:

    order      somebody else's: {"sym", "qty", "client_id", "limit", "ioc", "reduce_only", "leg", "trigger", "rises",
               "algo"}; leg: LONG, SHORT (a hedge) or CROSS (OKX, beside the isolated one); trigger: it waits;
               MatchingEngine.place(NewOrder(...))
    close_out  {"sym", "as": "liquidation" | "adl" | "settlement"}: SimulatorState.close_out
    funding    {"sym", "rate"}: SimulatorState.fund
    deposit    {"currency", "amount"}: MatchingEngine.pay("TRANSFER", "", ...)
    market     {"sym", "status": the exchange's word, fields of Listing}: SETTLING, suspend, Delivering, Closed ...
    quiet      {"ms"}: how old the best prices are by a ticker's own time: SimulatorState.quiet_ms
    withdraws, reads_only   what the key may: SimulatorState.keys
    stops      {"chances", "seed", "late_ms"}: what goes wrong with stops, which is a lot without it: StopFaults
    setting    {"key", "value"}: MatchingEngine.set. Keys:
               all        leverage:SYM, status:SYM, delivery:SYM (ms: an announced delisting), fee_in (a listing),
                          fee_coin (BNFCR: a coin without a price)
               Binance    dual (true: hedge), margin:SYM (CROSSED, ISOLATED), multiAssets, portfolio
               OKX        mode (long_short_mode: hedge), acctLv (1 to 4), algo:CLIENT_ID (kind of one that waits)
               Bybit      dual (true: hedge), marginMode (REGULAR_MARGIN, ISOLATED_MARGIN, PORTFOLIO_MARGIN),
                          unifiedMarginStatus (1: classic), extra_fee (a tax, share of the fee), block_trades (one
                          beside each so-manyth trade), limit_px (reject: a limit beyond the price limits is
                          refused, not moved)

What befalls websocket messages and subscriptions is in `websocket/faults.py`, by switch and at random:

    python -m services simulator --port 8900 --markets 20 --trades-per-s 50 --past-s 3600
    curl -d '{"chances": {"gap": 0.001, "disconnect": 0.0001}, "seed": 7}' http://127.0.0.1:8900/_fake/feed
    curl -d '{"trouble": "silence", "stream": "btcusdt@trade", "ms": 5000}' .../_fake/feed_fault
    curl -d '{"what": "mute", "stream": "trades:BTC-USDT-SWAP", "times": 2}' .../_fake/feed_start
"""
