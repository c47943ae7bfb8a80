"""`python -m services.strategy`."""

from shared.runner.loading import loading

with loading():
    from services.strategy.main import main

main()
