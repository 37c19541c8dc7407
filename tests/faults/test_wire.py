#!/usr/bin/python3
"""Nothing hides below the application: link layers, tunnels, fragments, segments; nor behind
mail relays.

test_wire.py PROGRAM [--only PART]...

What must come out follows from what was sent, and from what the standards say a receiver makes of
it. Prints as test_errors.py does.
"""

import sys

sys.dont_write_bytecode = True

import harness  # noqa: E402
import rows_clients  # noqa: E402
import rows_fragments  # noqa: E402
import rows_links  # noqa: E402
import rows_names  # noqa: E402
import rows_streams  # noqa: E402

if __name__ == "__main__":
    harness.main(__doc__, rows_links.TESTS + rows_fragments.TESTS + rows_streams.TESTS
                 + rows_names.TESTS + rows_clients.TESTS)
