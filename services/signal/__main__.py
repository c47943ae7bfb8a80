"""`python -m services.signal`."""

from shared.runner.loading import loading

with loading():
    from services.signal.main import main

main()
