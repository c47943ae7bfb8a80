"""One folder per process. A service imports `shared` and no other service."""
