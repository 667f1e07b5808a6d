"""Measurements beside peers, in one run each. They print ratios and never fail by the clock."""
