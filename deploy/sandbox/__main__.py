"""`python3 deploy/sandbox COMMAND`: every real server on one machine, with no containers."""

import sys

# Everything else is written for this version; an older Python would stop at the first import with a riddle.
if sys.version_info < (3, 11):  # noqa: UP036  # the message is for those who run an older one
    sys.exit("sandbox: Python 3.11 or newer is needed, and this is " + sys.version.split()[0] + ": use a newer python3")

from cli import main  # after the check

sys.exit(main())
