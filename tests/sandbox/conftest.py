"""The sandbox is a folder that Python runs, not a package: its modules are found as `python3 deploy/sandbox` finds them."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "deploy" / "sandbox"))
