"""The websocket server, the streams that dialects share, and what goes wrong with messages."""
