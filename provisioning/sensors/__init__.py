"""`hearthline sensors`: adapters, sensors and the walk test, at the hub and through the hub that runs."""
