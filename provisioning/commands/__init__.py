"""The commands of `hearthline`, each in a module of its own, loaded when it is used."""
