"""`python -m services.signal`."""

from shared.runner.process import loading

with loading():
    from services.signal.main import main

main()
