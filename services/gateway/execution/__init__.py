"""An order's way, from the bus to its one terminal report, with the journal in between.

1. `engine`: the stage gives the order on, and the engine hands it to the session that owns the account.
2. `account_session`: sorts orders by symbol; it began with what the journal had, and watches the account meanwhile.
3. `order_manager`: writes the order as INTENT, lets it be judged when its turn has come (`records`, `risk/context`,
   `risk/limits`), writes it as SENT, and sends it once (`session_context`).
4. `order_manager`, again: asks the venue until the order is settled (`account_reader`), and writes how it ended.
5. `engine`: the reader takes the report from the outbox to the bus.

Beside it: `watches` observes equity, markets and quotes, `reconciler` compares journal and venue (`baseline`).
"""
