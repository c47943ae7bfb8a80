"""`python -m services.recorder`."""

from shared.runner.process import loading

with loading():
    from services.recorder.main import main

main()
