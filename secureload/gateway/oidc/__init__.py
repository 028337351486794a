"""A company's own sign-in: OpenID Connect for people, and signed tokens of workloads.

A guided tour. `provider` is what the configuration says of an issuer, and which claims give
which roles; `keys` finds an issuer's endpoints and keys; `tokens` decides whether a token is
good; `workloads` lets whoever shows one in; `sign_in` is the way of a person's browser.
"""
