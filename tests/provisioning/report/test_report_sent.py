"""The report goes to the site: signed, once, and later if it cannot now. The site's service is the real one."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from provisioning.report import command, sending
from provisioning.report.facts import Commissioning
from provisioning.report.keeping import Kept, keep
from simulators.keys import make_keys
from simulators.mosquitto import free_port
from tests.support.enrolling import RIGHT, Served, code_for, enrolled, serving

HUB = "hub-1"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("site")) as served:
        yield served


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A box before it is enrolled."""
    path = tmp_path / "etc" / "hub.toml"
    path.parent.mkdir()
    path.write_text(f'hub = ""\nstate_dir = "{tmp_path / "state"}"\nsocket = "{tmp_path}/ask"\noutputs = "log"\n')
    (tmp_path / "state").mkdir(mode=0o700)
    return path


def ran(home: Path, *options: str) -> Result:
    return CliRunner().invoke(command.report, ["--config", str(home), *options])


def files(service: Served, hub: str) -> dict[str, bytes]:
    """What the site has of a hub, by what it was called."""
    folder = service.log.parent / "site" / "reports" / hub
    return {each.name.partition("-")[2]: each.read_bytes() for each in folder.glob("*")}


def test_a_report_is_made_sent_signed_and_not_sent_twice(service: Served, home: Path) -> None:
    enrolled(home.parent, code_for(service.site, "hub-made"))
    result = ran(home, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    pdf = Path(told["pdf"])
    assert pdf.read_bytes().startswith(b"%PDF")
    assert told["not_working"] > 0, "no hub runs here"
    (name,) = told["sent"]["sent"]
    held = files(service, "hub-made")
    stamp = name.removeprefix("report-")
    assert held == {
        f"commissioning-{stamp}.pdf": pdf.read_bytes(),
        f"commissioning-{stamp}.json": pdf.with_suffix(".json").read_bytes(),
    }
    said = json.loads(held[f"commissioning-{stamp}.json"])
    assert said["pdf_sha256"] == hashlib.sha256(pdf.read_bytes()).hexdigest()
    assert (said["hub"], said["site"]) == ("hub-made", "Test site")
    again = ran(home, "--send")
    assert (again.exit_code, again.output) == (0, "Nothing waits to be sent.\n")
    assert files(service, "hub-made") == held


def test_what_cannot_be_sent_is_kept_and_told_and_goes_the_next_time(
    service: Served, home: Path, made: Commissioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled(home.parent, code_for(service.site, "hub-later"))
    state = home.parents[1] / "state"
    kept = keep(state, made, "<html>", b"%PDF-1.7")
    reach = sending._service
    monkeypatch.setattr(
        sending, "_service", lambda config, clock: _elsewhere(reach(config, clock), f"localhost:{free_port()}")
    )
    result = ran(home, "--send")
    assert result.exit_code == 1
    assert "Not sent yet, and kept: report-2026-11-22-1345" in result.output
    assert not kept.sent
    monkeypatch.undo()
    result = ran(home, "--send")
    assert (result.exit_code, result.output) == (0, "report-2026-11-22-1345: sent to the site.\n")
    assert kept.sent
    assert set(files(service, "hub-later")) == {f"commissioning-2026-11-22-1345{end}" for end in (".pdf", ".json")}


def _elsewhere(service: object, endpoint: str) -> object:
    service.endpoint = endpoint  # type: ignore[attr-defined]
    return service


def test_cut_off_between_its_two_parts_it_is_sent_whole_the_next_time(
    service: Served, home: Path, made: Commissioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled(home.parent, code_for(service.site, "hub-cut"))
    keep(home.parents[1] / "state", made, "<html>", b"%PDF-1.7")

    def cut(_self: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Kept, "mark_sent", cut)
    assert ran(home, "--send").exit_code != 0
    monkeypatch.undo()
    assert ran(home, "--send").exit_code == 0
    assert len(files(service, "hub-cut")) == 2


def test_a_hub_that_no_site_enrolled_keeps_its_report_and_carries_it(
    home: Path, made: Commissioning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand(home, tmp_path)
    stick = tmp_path / "stick"
    stick.mkdir()
    monkeypatch.setattr(command, "print_report", lambda _html: b"%PDF")
    result = ran(home, "--stick", str(stick))
    assert result.exit_code == 0, result.output
    assert "carry the report there with --stick" in result.output
    assert {each.suffix for each in stick.iterdir()} == {".pdf", ".html", ".json"}
    assert all(each.name.startswith("hub-1-report-") for each in stick.iterdir())


def by_hand(home: Path, tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "keys", RIGHT.now().wall_ms, [HUB])
    home.write_text(
        f'hub = "hub-1"\nstate_dir = "{tmp_path / "state"}"\nsocket = "{tmp_path}/ask"\noutputs = "log"\n[keys]\n'
        f'hub = "{keys.hubs[HUB].signing}"\ncentre = ["{keys.centre_public}"]\n'
        '[[uplink]]\nname = "main"\nhost = "localhost"\nport = 9\n'
    )


@pytest.mark.parametrize("text", [None, 'hub = "x"\n'])
def test_without_a_configuration_there_is_no_report(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "hub.toml").write_text(text)
    result = ran(tmp_path / "hub.toml")
    assert result.exit_code == 2
    assert "hub.toml" in result.output
