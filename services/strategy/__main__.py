"""`python -m services.strategy`."""

from services.strategy.main import main

main()
