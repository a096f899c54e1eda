"""Answers. Intake, cases, console: what staff use on day one."""
