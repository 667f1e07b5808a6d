"""Every change of a file's status, and nothing else changes one.

Each function is one move of the table in the design: a compare-and-set on the row, its event and
counts, the doorbell after the commit. All are plain functions to be called inside a transaction
(`database.write`), and lock rows in one order: job, file, space, batch.

What comes in is in `arrivals`, what people ask for in `wishes`, whose a job is in `leases`, what
its worker writes in `attempts`, what a dead one left behind in `lost`; what all of them are made
of is in `moves`, which nobody else may import.
"""
