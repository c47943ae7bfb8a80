"""`python -m services.gateway`."""

from shared.runner.process import loading

with loading():
    from services.gateway.main import main

main()
