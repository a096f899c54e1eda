"""Whose hubs these are: a real site's registry, followed as it changes, in this process and another."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from centre.site.authority import public_pem
from centre.site.site import HubRecord, Site
from centre.work.members import READ_EVERY, SiteMembers
from tests.support.sites import NOW_MS, SETTINGS, Box, enrolled


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site.create(tmp_path / "site", SETTINGS, NOW_MS)
    yield made
    made.close()


def test_the_roll_follows_the_registry_and_is_read_only_when_it_changed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = SiteMembers(site)
    assert members.look().members == {}
    box, _ = enrolled(site, "hub-1")
    roll = members.look()
    assert roll.members["hub-1"].signing.thumbprint() == _thumbprint(box)
    assert roll.members["hub-1"].plan is not None
    assert roll.members["hub-1"].enrolled_ms == NOW_MS
    asked: list[int] = []
    hubs = site.hubs

    def counted() -> list[HubRecord]:
        asked.append(1)
        return hubs()

    monkeypatch.setattr(site, "hubs", counted)
    assert members.look() is roll
    assert not asked
    elsewhere = Site.open(site.folder)
    try:
        enrolled(elsewhere, "hub-2")
        assert elsewhere.revoke("hub-1", NOW_MS)
    finally:
        elsewhere.close()
    later = members.look()
    assert (sorted(later.members), sorted(later.revoked)) == (["hub-2"], ["hub-1"])
    assert later.number == roll.number + 1
    asked.clear()
    for _ in range(READ_EVERY):
        assert members.look() is later, "what is the same stays the same object"
    assert len(asked) == 1, "and is looked at now and then all the same"


def _thumbprint(box: Box) -> str:
    return ECKey.import_key(public_pem(box.signing)).thumbprint()
