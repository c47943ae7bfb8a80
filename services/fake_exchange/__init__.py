"""A local exchange for unmodified ccxt classes: one HTTP server in place of all of a venue's hosts.

`server.py` serves; it knows no venue. A venue (`binance_usdm.py`) is a table of routes, by host and path, over what it
holds (`market.py`); orders and websockets are more routes of a venue, and another venue is another table. `faults.py`
is what goes wrong between the two: any request of any venue can be refused, dropped, cut or held.
"""
