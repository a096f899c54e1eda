"""`hearthline provision`: what makes a box a hub, and a site one that hubs can join. Loads only the command used."""

import click

from provisioning.cli import Commands

ON_THE_BOX = ("install", "enrol", "renew", "decommission")
"""In the order of a hub's life."""

AT_THE_SITE = ("init-site", "broker-config", "serve", "issue", "sign", "list", "revoke", "rotate-centre-key")


class ProvisionCommands(Commands):
    """The hub's commands are in this package, the site's in `centre.site`: neither knows the other."""

    points = "hearthline.provision"

    def headings(self, ctx: click.Context) -> list[tuple[str, list[str]]]:
        """Say which computer each command is for."""
        known = self.list_commands(ctx)
        others = [name for name in known if name not in (*ON_THE_BOX, *AT_THE_SITE)]
        groups = (("On the box", ON_THE_BOX), ("On the site's computer", AT_THE_SITE), ("Others", others))
        return [(heading, found) for heading, names in groups if (found := [each for each in names if each in known])]


@click.command(cls=ProvisionCommands)
def provision() -> None:
    """Make a site, and make a box one of its hubs.

    An installer needs two commands, on the box: `install`, then `enrol`, with the code that the site gave. The others
    there come later, by themselves (`renew`) or at the end (`decommission`). The site's commands run on the computer
    that has the site's folder (`--site`), once for all hubs.
    """
