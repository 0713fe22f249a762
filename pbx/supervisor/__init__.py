"""`manage.py runpbx`: the whole product under one process, with its own PostgreSQL and Valkey when none are given.

`configuration` reads and judges the environment, `layout` says where everything is kept; `programs`, `identity`,
`postgres` and `valkey` are the embedded servers; `child`, `launcher` and `supervisor` start, watch and stop processes;
`product` says which processes the product is made of; `report` is what the operator reads.

The supervisor speaks to Django only through one-shot children (`manage.py prepare`), so that its own process never
holds a database connection, and a supervisor that starts a second too early has no settings to unlearn.
"""
