"""`python -m services.ingestor`."""

from shared.runner.process import loading

with loading():
    from services.ingestor.main import main

main()
