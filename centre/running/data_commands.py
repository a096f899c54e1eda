"""`hearthline centre reseal` and `export`: what is done about people's data on the server's own shell."""

from pathlib import Path

import click

from centre.running.options import data_option, told


@click.command()
@data_option
@click.option("--finish", is_flag=True, help="Forget the old key, once nothing is sealed with it any more.")
def reseal(data: Path, *, finish: bool) -> None:
    """Change the key that people's data are sealed with, while the centre works.

    In two steps. Without --finish a new key is added, and all that the old one sealed is sealed anew: records, care
    plans and their drafts, the secrets of second factors and of webhooks. With --finish, a minute later or more, the
    old key is forgotten; that is refused while anything is sealed with it. Cut off anywhere, run it again.

    Do it once a year, when somebody leaves who could copy the folder, and when a copy is lost. What was copied before,
    with its key, stays readable for who has both.

    \b
    Exits with
      0  it is done
      2  it is not: the text says why
    """  # noqa: D301 -- click's mark for lines kept as they are
    with told():
        from centre.running.data import change_key  # noqa: PLC0415 -- it takes a second to load, and --help needs none

        for line in change_key(data, finish=finish):
            click.echo(line)


@click.command()
@click.argument("hub")
@data_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A file that is not there yet.")
@click.option("--by", required=True, metavar="NAME", help="The supervisor who answers for it, as in the console.")
@click.option("--why", required=True, help="Who asked, and how; without names, for it is recorded.")
def export(hub: str, data: Path, out: Path, by: str, why: str) -> None:
    """Write all that is held of the home of HUB into a file, for those it is about (subject access).

    The document says what is in it. Only its owner may read the file. That it was made is in the audit, and among the
    looks at the home's record. Supervisors make the same in the console, on the home's page.

    \b
    Exits with
      0  the file is there, whole
      2  it is not: the text says why
    """  # noqa: D301 -- click's mark for lines kept as they are
    with told():
        from centre.running.data import export_home  # noqa: PLC0415 -- as above

        click.echo(export_home(data, hub, out, by, why))
