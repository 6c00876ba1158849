"""The brokers of the stack under test: processes of this machine, or containers; one or three.

``OVERT_TEST_KAFKA`` says which (``embedded``, ``testcontainers``, or ``auto``: containers where a
Docker engine answers and has or gets the image), ``OVERT_TEST_BROKERS`` how many (1 or 3) and
``OVERT_TEST_KAFKA_IMAGE`` from what. A test never asks: it gets a ``Running`` either way.
"""

from tests.stack.brokers.choice import chosen, lines, say
from tests.stack.brokers.doors import bring_up, stack

__all__ = ["bring_up", "chosen", "lines", "say", "stack"]
