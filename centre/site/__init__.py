"""The site: who belongs to it. Its authority, the registry of its hubs, enrolment, the broker's configuration."""
