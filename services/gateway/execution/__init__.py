"""An order's way, from the bus to its one terminal report, with the journal in between.

1. `engine`: the stage gives the order on, and the engine hands it to its symbol's manager.
2. `order_manager`: writes the order as INTENT, lets it be judged when its turn has come (`records`, `risk/context`,
   `risk/limits`), writes it as SENT, and sends it once (`session_context`).
3. `order_manager`, again: asks the venue until the order is settled (`account_reader`; for what rests, `open_orders`
   reads one list), and writes how it ended.
4. `engine`: the reader takes the report from the outbox to the bus.

A session owns the account meanwhile (`account_session`): it begins with what the journal has, `watches` observes
equity, markets and quotes, and `reconciler` compares journal and venue (`account_reader`, `baseline`).
"""
