"""The only package that decides who may: sign-in by cookie, token or ticket, spaces, roles, scopes,
origins.

Who somebody is, is found once for a request (`identity`); what they may do in a space, a view asks
by `rights.here(request, Role.…)`. A `hello` from elsewhere brings a ticket (`tickets`), a browser's
request shows that one of our pages made it (`sites`), and nobody unknown gets past `middleware`.
"""
