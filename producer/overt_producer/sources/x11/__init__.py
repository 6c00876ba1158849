"""The X11 sources. Importing this package opens nothing; pynput and mss are imported late.

``platform.probe()`` says whether they can run; it is asked before anything here is made.
"""

from overt_producer.sources.x11.input import X11Input
from overt_producer.sources.x11.screen import X11Screen
from overt_producer.sources.x11.windows import X11Windows

__all__ = ["X11Input", "X11Screen", "X11Windows"]
