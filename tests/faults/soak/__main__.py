"""Run studies through random faults for a while: `python -m tests.faults.soak --minutes 60`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from faults.soak.hour import main

if __name__ == "__main__":
    sys.exit(main())
