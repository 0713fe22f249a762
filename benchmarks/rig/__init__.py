"""What the benchmarks against running servers stand on: the servers, the load, and the accounting of CPU time."""
