"""Alerts tell a person what happens: what holds is looked at, bundled, and sent through channels."""
