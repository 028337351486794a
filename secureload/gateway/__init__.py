"""The service: a Hub that serves only what was admitted.

A guided tour. `server` runs it on uvicorn, `app` puts it together. Every request goes through
one table, `routes`: a path that is in no row does not exist, and each row names the roles
that may use it. `principals` says who asks. `front` speaks the Hub's protocol to unmodified
clients, `api` is our own at `/api/secureload/v1`. Both ask `admissions`, which finds what is
admitted, or starts a job and waits for it.

Three seams have one implementation for a single machine and room for others: `Jobs` (here a
pool of worker processes), `Store` (here the trusted cache's own blobs), `Identities` (here
tokens in the ledger). Scanning and converting happen in worker processes, never here.
"""
