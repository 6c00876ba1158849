"""The authority of overt: devices, people, consent, beacon, grants, key release."""
