"""A storm: five hundred hubs, a thousand alarms in a minute, while the centre's parts are killed one after another."""
