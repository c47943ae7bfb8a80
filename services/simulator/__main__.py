"""`python -m services.simulator`."""

import sys

from services.simulator.main import main

sys.exit(main())
