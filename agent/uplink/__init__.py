"""The way to the response centre: what is offered, when again, and what counts as its answer."""
