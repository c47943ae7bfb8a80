"""`python -m services.simulator`."""

import sys

from shared.runner.process import loading

with loading():
    from services.simulator.main import main

sys.exit(main())
