"""`python -m services.ingestor`."""

from shared.runner.loading import loading

with loading():
    from services.ingestor.main import main

main()
