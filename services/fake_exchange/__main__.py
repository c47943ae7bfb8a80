"""`python -m services.fake_exchange`."""

import sys

from services.fake_exchange.main import main

sys.exit(main())
