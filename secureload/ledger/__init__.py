"""The ledger: what was seen, decided, admitted and loaded, in one database.

`database` opens it, a SQLite file or through `postgres` a server, and brings its schema up to
date; `tables` says what is in it, `store` writes and reads admissions, `memory` the small
things worth remembering, `audit` keeps the hash-chained log. Importing any of them imports
SQLAlchemy, which takes some 0.4 s: the cache does so when it first needs the ledger.
"""
