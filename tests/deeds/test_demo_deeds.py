"""The invented office's forty deeds: in every stage, each by the steps it must have gone."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select

from bot.media import FileStore
from handlers.deeds import naming
from handlers.deeds.demo import WAYS
from storage.db import Database
from storage.models.deeds import DEED_TRANSITIONS, Deed, DeedState, Stage
from tests.desk import Desk
from tests.test_demo import PROVINCES


@pytest.fixture
def desk(demo: Desk) -> Desk:
    return demo


def test_there_are_forty_in_every_stage_each_with_a_picture_of_its_own(desk: Desk) -> None:
    stages = Counter(stage for (stage,) in desk.asks("SELECT stage FROM deeds"))
    assert sum(stages.values()) == 40
    assert set(stages) == set(Stage)
    assert min(stages.values()) >= 5
    told = desk.asks("SELECT DISTINCT deed_id FROM deed_reports")
    assert len(told) == 40
    pictures = desk.asks("SELECT f.sha256 FROM deed_files d JOIN files f ON f.id = d.file_id")
    assert len(pictures) == 40
    assert len(set(pictures)) > 30
    for (sha256,) in set(pictures):
        with Image.open(io.BytesIO(FileStore(desk.home / "files").read(sha256))) as image:
            assert image.size == (667, 500)


def test_each_came_to_its_state_by_steps_that_the_table_allows(desk: Desk) -> None:
    for deed_id, state in desk.asks("SELECT id, state FROM deeds"):
        steps = desk.asks(
            "SELECT substr(verb, 6) FROM acts WHERE object_id = ? AND verb LIKE 'make %'"
            " ORDER BY id",
            deed_id,
        )
        here = DeedState.RECEIVED
        for (step,) in steps:
            assert DeedState(step) in DEED_TRANSITIONS[here]
            here = DeedState(step)
        assert (here, [step for (step,) in steps]) == (DeedState(state), [*WAYS[state]])


def test_what_is_published_has_a_consent_and_two_officers_in_their_order(desk: Desk) -> None:
    rows = desk.asks(
        "SELECT d.consent, d.consent_rests_on, d.consent_at < p.written_at,"
        " p.approved_by <> p.confirmed_by, p.approved_at < p.confirmed_at,"
        " p.confirmed_at <= p.published_at, a.contact_id <> b.contact_id, a.revoked_at,"
        " d.is_child"
        " FROM deeds d JOIN deed_publications p ON p.deed_id = d.id"
        " JOIN officers a ON 'officer:' || a.id = p.approved_by"
        " JOIN officers b ON 'officer:' || b.id = p.confirmed_by"
        " WHERE d.state = 'published'"
    )
    assert len(rows) == 8
    for consent, rests_on, *order, gone, child in rows:
        assert (consent, child) == ("yes", "no")
        assert "Cán bộ xã hỏi" in rests_on
        assert [int(one) for one in order] == [1] * 5
        assert gone, "nobody acts in an invented officer's name"


def test_the_gallery_lists_what_is_published_and_nothing_else(desk: Desk) -> None:
    shown = desk.asks(
        "SELECT d.state, p.title <> '', p.photos <> '[]', d.shown_at IS NOT NULL"
        " FROM deeds d JOIN deed_publications p ON p.deed_id = d.id ORDER BY d.state"
    )
    told = [" ".join(str(cell) for cell in row) for row in shown]
    assert told == ["published 1 1 1"] * 8 + ["unpublished 0 1 0"]


def test_nobody_is_written_to_and_nothing_is_readable_before_it_is_published(desk: Desk) -> None:
    assert desk.asks("SELECT id FROM outbox WHERE kind <> 'reminder'") == []
    raw = (desk.home / "neuguong.db").read_bytes()
    told = json.loads((files("storage") / "catalogue/demo_deeds.json").read_text("utf-8"))
    for one in told["deeds"]:
        if one["state"] not in ("published", "unpublished") and one["name"]:
            assert one["name"].encode() not in raw
            assert one["what"].encode() not in raw


def test_nothing_in_them_is_a_real_province(desk: Desk) -> None:
    text = (files("storage") / "catalogue/demo_deeds.json").read_text("utf-8")
    assert [name for name in PROVINCES if f"tỉnh {name}" in text] == []


def test_they_are_counted_as_praised(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "o.json"
    years = {row[0][:4] for row in desk.asks("SELECT published_at FROM deed_publications")}
    period = ["--from", f"{min(years)}-01-01", "--to", f"{max(years)}-12-31"]
    desk.types("export", "praised", *period, "--format", "json", "--out", str(out))
    counts = json.loads(out.read_text("utf-8"))["rows"][0]
    assert (counts["shown"], counts["proposed"]) == (8, 4)


def test_movements_have_units_and_deeds(desk: Desk) -> None:
    listed = desk.types("movement", "list").out.splitlines()
    (ntm,) = [line for line in listed if line.startswith("NTM ")]
    found = re.search(r"đơn vị đăng ký: (\d+) · việc tốt: (\d+)", ntm)
    assert found
    assert int(found[1]) > 5
    assert int(found[2]) > 5


async def test_officers_tell_them_apart_in_their_lists(desk: Desk) -> None:
    """Their communes are invented, so no list of places knows them."""
    db = Database(f"sqlite+aiosqlite:///{desk.home / 'neuguong.db'}")
    async with db.reading() as session:
        deeds = (await session.scalars(select(Deed))).all()
        labels = [await naming.in_short(session, deed, "vi") for deed in deeds]
    await db.close()
    assert "—" not in labels
    assert len(set(labels)) > 20
