"""The executor: jobs, the scheduler, the pool of workers and what passes between them."""
