"""Devices: tokens, enrolment, certificates, the registry."""
