"""Broadband and 4G as two network interfaces of a namespace: one is cut or lies, and the other carries."""
