"""What is kept: jobs and who asked for them, in SQL."""
