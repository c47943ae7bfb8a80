"""`python -m services.gateway.control`."""

from shared.runner.loading import loading

with loading():
    from services.gateway.control.main import main

main()
