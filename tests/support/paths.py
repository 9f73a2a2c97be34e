"""Where the repository's own folders are."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
FIXTURES: Final = ROOT / "fixtures"
SANDBOX: Final = ROOT / "deploy" / "sandbox"
