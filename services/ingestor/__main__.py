"""`python -m services.ingestor`."""

from services.ingestor.main import main

main()
