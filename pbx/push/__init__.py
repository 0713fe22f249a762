"""Push devices, the providers that reach them, and the job that wakes them up."""
