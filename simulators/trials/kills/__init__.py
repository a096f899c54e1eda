"""SIGKILL at random and at every commit: no alarm is lost, none doubled, and what sounded sounds on."""
