"""Consent: receipts signed on the device, and the spans they open and close."""
