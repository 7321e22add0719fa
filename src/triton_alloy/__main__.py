"""`python -m triton_alloy` is the command `triton-alloy`."""

import sys

from triton_alloy.tools.cli import main

sys.exit(main())
