"""`python -m services.gateway.account`."""

from shared.runner.loading import loading

with loading():
    from services.gateway.account.main import main

main()
