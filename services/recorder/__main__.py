"""`python -m services.recorder`."""

from shared.runner.loading import loading

with loading():
    from services.recorder.main import main

main()
