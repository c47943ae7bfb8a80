"""`python -m services.gateway.control`."""

from services.gateway.control.main import main

main()
