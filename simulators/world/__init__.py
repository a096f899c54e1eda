"""A seeded world: the real daemon under a virtual clock, through days of a household in which everything fails.

`script` says what happens and when, made from a seed; `world` plays it; `promises` judges after every step; `shrink`
finds the few incidents that matter, and `story` tells them. What stands in for the outside (`broker`, `link`, `disk`)
is checked against the real thing by a contract test.
"""
