"""The monitor's page in a browser, on a run with a long history."""
