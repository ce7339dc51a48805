"""What is reached by browsers and mail programs."""
