"""What other systems attach to: the read API, its tokens, signed webhooks, metrics and health."""
