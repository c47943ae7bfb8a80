"""`python -m services.signal`."""

from services.signal.main import main

main()
