"""`python -m services.gateway.account`."""

from services.gateway.account.main import main

main()
