"""What an order costs between the bus and the venue: `make bench WHAT=gateway`."""
