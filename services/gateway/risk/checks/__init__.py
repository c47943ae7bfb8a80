"""The gates, a file each; `services/gateway/risk/table.py` has their order."""
