"""The REST API under /api/v1: plain Django views behind one table of operations.

No framework: the table (`resources/`) is what requests are dispatched by, what the OpenAPI document is made from and what the human
page shows, so the three cannot drift apart. Bearer tokens, scopes, problem documents and cursors are a few hundred
lines here; the frameworks bring serializers for models, and little of what this API tells lies in models.
"""
