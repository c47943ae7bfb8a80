"""The message bus: partitioned streams, leases, and one exactly-once commit per batch. The only home of `redis`."""
