"""`python -m services.strategy`."""

from shared.runner.process import loading

with loading():
    from services.strategy.main import main

main()
