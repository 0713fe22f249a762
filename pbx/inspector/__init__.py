"""Live event subscriptions of all workers: to look at, to try an event on, and to end one."""
