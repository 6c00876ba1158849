"""The endpoint of overt: overtd captures with consent and in plain sight."""
