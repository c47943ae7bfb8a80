"""`python -m services.gateway`."""

from shared.runner.loading import loading

with loading():
    from services.gateway.main import main

main()
