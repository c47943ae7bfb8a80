"""What a trade costs from the venue's websocket to a sampled tick: `make bench WHAT=feed`."""
