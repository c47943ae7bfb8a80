"""The HTTP server, and the switches that a tester throws over HTTP."""
