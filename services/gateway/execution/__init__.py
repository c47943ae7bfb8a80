"""From an order that was read to its one terminal report, with the journal in between."""
