"""Object stores: every kind in one class, the probe each must pass, what S3 has beside objects."""
