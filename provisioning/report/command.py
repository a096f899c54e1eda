"""`hearthline report`: makes the commissioning report, keeps it on the hub, and sends it to the site."""

import hashlib
import sys
from pathlib import Path

import click
import msgspec
from msgspec.structs import replace

from agent.clock import Clock, SystemClock
from agent.config import ConfigError, HubConfig, load
from agent.plan.reading import PlanError
from agent.wire.enrolment import SiteWord
from provisioning.card.paper import PaperError, Press
from provisioning.commands.options import config_option
from provisioning.doctor.checks.clock import SITE, read_word
from provisioning.doctor.checks.plan import newest
from provisioning.doctor.command import examine
from provisioning.doctor.scene import ask_hub
from provisioning.plan.picture import timelines
from provisioning.provision.software import software
from provisioning.report.facts import Commissioning
from provisioning.report.gathering import Found, put_together
from provisioning.report.keeping import Kept, keep
from provisioning.report.page import page
from provisioning.report.sending import Sent, send_waiting
from provisioning.sensors.records import read_walk
from rules.plan import Plan

EXIT_NOT_SENT, EXIT_CANNOT = 1, 2


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints. `pdf` is "" when nothing was made (`--send`)."""

    pdf: str
    not_working: int
    sent: Sent


@click.command()
@config_option("path")
@click.option("--no-alarm", is_flag=True, help="Send no test alarm.")
@click.option("--no-send", is_flag=True, help="Keep it here only.")
@click.option("--send", "send_only", is_flag=True, help="Make none: send those that the site does not have yet.")
@click.option("--stick", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Copy it here, too.")
@click.option("--json", "as_json", is_flag=True, help="Print what was made and sent as JSON.")
def report(path: Path, *, no_alarm: bool, no_send: bool, send_only: bool, stick: Path | None, as_json: bool) -> None:
    """Make the commissioning report: what does not work, what was installed and tested, and the care plan.

    Looks at the hub as `hearthline doctor` does, and takes up the last walk test (hearthline sensors test). The report
    is kept in the hub's state directory, as PDF, HTML and JSON, and sent to the site that enrolled this hub. Print the
    PDF, write the home's address on it, and have both people sign. What cannot be sent is kept, and goes the next time.
    Run it as often as you like.

    \b
    Exits with
      0  it is made, and sent where there is a site to send it to
      1  it is made, and not sent yet: the reason is told
      2  it cannot be made: the reason and the remedy are told
    """  # noqa: D301 -- click's mark for lines kept as they are
    if no_send and send_only:
        raise click.UsageError("--send and --no-send say the opposite: leave one out")
    clock = SystemClock()
    try:
        config = load(path)
        told = Told(pdf="", not_working=0, sent=Sent())
        if not send_only:
            told = _make(config, clock, alarm_too=not no_alarm, stick=stick)
        if not no_send:
            told = replace(told, sent=send_waiting(config, clock))
    except (ConfigError, PaperError, PlanError) as error:
        _fail(str(error))
    except OSError as error:
        remedy = "run this as root or as the hub's user" if config.state_dir.is_dir() else "start the hub first"
        _fail(f"{error.filename}: {error.strerror}: {remedy}")
    if as_json:
        click.echo(msgspec.json.encode(told))
    else:
        _say(told, asked=not no_send)
    sys.exit(EXIT_NOT_SENT if told.sent.waiting and told.sent.possible else 0)


def _fail(reason: str) -> None:
    click.echo(reason, err=True)
    sys.exit(EXIT_CANNOT)


def _make(config: HubConfig, clock: Clock, *, alarm_too: bool, stick: Path | None) -> Told:
    """Look, write and keep. Raises ConfigError, PlanError, PaperError, OSError."""
    told = examine(config.path, alarm_too=alarm_too, progress=sys.stderr.isatty())
    plan = newest(config, must_suit=False)  # whether it does, the doctor says
    word: SiteWord | None = read_word(config.keys.hub.parent / SITE)
    found = Found(
        config=config,
        site=word.name if word else "",
        told=told,
        status=ask_hub(config.socket).status,
        walk=read_walk(config.state_dir),
        plan=plan,
    )
    made = put_together(found, software(), clock.now())
    kept = _keep(config, made, plan or Plan())
    if stick is not None:
        _copy(kept, stick, config.hub)
    return Told(pdf=str(kept.file(".pdf")), not_working=len(made.not_working), sent=Sent())


def _keep(config: HubConfig, made: Commissioning, plan: Plan) -> Kept:
    html = page(made, timelines(plan))
    pdf = print_report(html)
    return keep(config.state_dir, replace(made, pdf_sha256=hashlib.sha256(pdf).hexdigest()), html, pdf)


def print_report(html: str) -> bytes:
    """Put a report on paper: tagged, so that it can be read aloud. Raises PaperError."""
    document = Press().lay_out(html)
    return bytes(document.write_pdf(pdf_identifier=b"hearthline-report", pdf_variant="pdf/ua-1"))


def _copy(kept: Kept, stick: Path, hub: str) -> None:
    for suffix in (".pdf", ".html", ".json"):
        (stick / f"{hub}-{kept.name}{suffix}").write_bytes(kept.file(suffix).read_bytes())


def _say(told: Told, *, asked: bool) -> None:
    if told.pdf:
        click.echo(f"{told.pdf}: print it, and have it signed.")
        if told.not_working:
            things = "1 thing" if told.not_working == 1 else f"{told.not_working} things"
            click.echo(f"It says first what does not work: {things}.")
    for name in told.sent.sent:
        click.echo(f"{name}: sent to the site.")
    if told.sent.waiting and asked:
        click.echo(f"Not sent yet, and kept: {', '.join(told.sent.waiting)}. {told.sent.why}", err=told.sent.possible)
    if not told.pdf and not told.sent.sent and not told.sent.waiting:
        click.echo("Nothing waits to be sent.")
