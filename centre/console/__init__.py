"""The console: what staff see and do, in a browser. Pages made here, live by server-sent events, keyboard first."""
