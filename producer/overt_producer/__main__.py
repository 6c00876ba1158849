"""`python -m overt_producer` is `overtd`."""

from overt_producer.cli import main

main()
