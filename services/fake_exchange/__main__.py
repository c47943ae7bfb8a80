"""`python -m services.fake_exchange`."""

import sys

from shared.runner.loading import loading

with loading():
    from services.fake_exchange.main import main

sys.exit(main())
