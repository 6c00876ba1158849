"""What reaches an endpoint from outside: fleet records, enrolment, and its own command line."""
