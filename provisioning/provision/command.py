"""`hearthline provision`: what makes a box a hub, and a site one that hubs can join. Loads only the command used."""

import click

from provisioning.cli import Commands


class ProvisionCommands(Commands):
    """The hub's commands are in this package, the site's in `centre.site`: neither knows the other."""

    points = "hearthline.provision"


@click.command(cls=ProvisionCommands)
def provision() -> None:
    """Make a site and its hubs: keys, certificates, enrolment, the broker's configuration, the service."""
