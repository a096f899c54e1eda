"""The wire contract, version 1: topics, messages, signatures. All that the response centre sees of the agent."""
