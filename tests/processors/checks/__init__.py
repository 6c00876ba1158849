"""Every check of the processors' core, by file.

``test_checks.py`` holds the table complete, and (``-m long``) takes each check away in a copy.
"""

from tests.processors.checks import (
    activity,
    admission,
    opening,
    pictures,
    refine,
    registry,
    sealing,
)

TABLE = {
    "activity": activity.CHECKS,
    "admission": admission.CHECKS,
    "opening": opening.CHECKS,
    "pictures": pictures.CHECKS,
    "refine": refine.CHECKS,
    "registry": registry.CHECKS,
    "sealing": sealing.CHECKS,
}
