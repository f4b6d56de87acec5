"""What is published goes to the office's channel, and is made ready for Zalo."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from bot.replies import reply
from storage.models.deeds import Deed, DeedState
from storage.models.office import Office
from storage.models.traffic import OutboxMessage, OutboxState
from tests.deadlines.cast import MONDAY
from tests.deeds.publishing import LEAD, TITLE, confirms, links_of, press, published, writes
from tests.deeds.test_checking import sees
from tests.deeds.test_publication import page, reads
from tests.desk import Desk
from tests.world import World

CHANNEL = "@guong_an_hoa"


async def set_channel(world: World, name: str = CHANNEL) -> None:
    async with world.base.db.transaction() as session:
        await session.execute(update(Office).values(telegram_channel=name))


@pytest.mark.parametrize("name", [CHANNEL, "-1009100200300"])
async def test_it_is_posted_once_with_its_card_and_its_address(
    sqlite_world: World, name: str
) -> None:
    world = sqlite_world
    await set_channel(world, name)
    channel = world.telegram.channel(CHANNEL.removeprefix("@"))
    cast = await press(world)
    await writes(cast.first)
    await cast.first.taps("Tôi duyệt bài này")
    assert not channel.visible(), "one person posts nothing"
    assert name in await confirms(world, cast.second)
    await world.delivered()
    (post,) = channel.visible()
    assert post.photo
    for words in (TITLE, LEAD, "Phòng Thi đua - Khen thưởng tỉnh An Hòa"):
        assert words in post.text
    assert [button.url for button in post.buttons] == [page(world, cast.deed_id)]
    await cast.first.says("/dangguong")
    assert "đã có trên kênh Telegram" in await cast.first.taps(TITLE[:30])
    # A correction is no news.
    await cast.first.taps("Đính chính")
    await cast.first.says("Bài trước ghi sai một chữ.")
    for _ in range(4):
        await cast.first.taps("Giữ nguyên" if _ < 3 else "Không cần phần này")
    await cast.first.taps("Tôi duyệt bài này")
    assert "Đã đăng" in await confirms(world, cast.second)
    await world.delivered()
    assert len(channel.visible()) == 1


async def test_without_a_channel_nothing_is_posted(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await published(world)
    await cast.first.says("/dangguong")
    assert "chưa đặt kênh" in await cast.first.taps(TITLE[:30])


async def test_a_channel_that_shuts_the_bot_out_costs_nothing_but_the_post(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    await set_channel(world)
    world.telegram.channel(CHANNEL.removeprefix("@"), admitted=False)
    cast = await published(world)
    await world.delivered()
    assert (await reads(page(world, cast.deed_id)))[0] == 200
    await cast.first.says("/dangguong")
    assert "Chưa gửi được lên kênh" in await cast.first.taps(TITLE[:30])


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("Gỡ bài", "Người được khen xin gỡ."),
        ("Người được khen không đồng ý", "Anh báo qua điện thoại."),
    ],
)
async def test_what_is_taken_down_before_it_was_posted_is_not_posted(
    sqlite_world: World, way: str, words: str
) -> None:
    world = sqlite_world
    await set_channel(world)
    channel = world.telegram.channel(CHANNEL.removeprefix("@"))
    cast = await published(world)
    await world.delivered()
    async with world.base.db.transaction() as session:
        await session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.dedupe_key.startswith("deed-channel:"))
            .values(
                state=OutboxState.QUEUED, due_at=MONDAY.replace(year=2028), sent_at=None,
                reply=world.base.vault.seal_system(_waiting(), "outbox"),
            )
        )  # fmt: skip
    before = len(channel.visible())
    await cast.first.says("/dangguong")
    await cast.first.taps(TITLE[:30])
    if way != "Gỡ bài":
        await cast.first.taps("Sự đồng ý công bố")
    await cast.first.taps(way)
    await cast.first.says(words)
    if way != "Gỡ bài":
        await cast.first.taps("Ghi")
    async with world.base.db.reading() as session:
        assert (await session.scalars(select(Deed.state))).one() == DeedState.UNPUBLISHED
        states = await session.scalars(
            select(OutboxMessage.state).where(OutboxMessage.state == OutboxState.WITHDRAWN)
        )
        assert len(states.all()) == 1
    assert len(channel.visible()) == before


def _waiting() -> bytes:
    from bot import replies

    return replies.dump(reply("exemplar-zalo"))


async def test_words_and_picture_are_made_ready_for_zalo(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await published(world)
    ready = await cast.second.taps("Soạn tin cho Zalo OA")
    for words in (TITLE, LEAD, page(world, cast.deed_id)):
        assert words in ready
    screen = await cast.second.screen()
    assert screen[-1].picture
    assert len(screen[-1].text) <= 2000
    assert links_of(cast.second, "/guong/")
    assert "giới thiệu rộng rãi" in await sees(world, cast.citizen)


async def test_a_bot_made_an_administrator_of_a_channel_says_nothing_there(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    channel = world.telegram.channel("guong_an_hoa")
    by = {"id": 7, "is_bot": False, "first_name": "Lan"}
    me = {"user": world.telegram.world.me}
    world.telegram.push(
        {
            "my_chat_member": {
                "chat": channel.face, "from": by, "date": 1,
                "old_chat_member": {"status": "left", **me},
                "new_chat_member": {
                    "status": "administrator", "can_be_edited": False, "is_anonymous": False,
                    "can_manage_chat": True, "can_delete_messages": True,
                    "can_manage_video_chats": False, "can_restrict_members": False,
                    "can_promote_members": False, "can_change_info": False,
                    "can_invite_users": False, "can_post_stories": False,
                    "can_edit_stories": False, "can_delete_stories": False,
                    "can_post_messages": True, "can_send_welcome_messages": False, **me,
                },
            }
        }
    )  # fmt: skip
    await world.telegram.delivery.settled()
    await world.settled()
    assert channel.visible() == []


def test_a_channel_is_set_by_its_name_and_nothing_else(demo: Desk) -> None:
    assert (
        "Kênh Telegram: @guong_an_hoa"
        in demo.types("office", "--telegram-channel", "@guong_an_hoa").out
    )
    wrong = demo.types("office", "--telegram-channel", "https://t.me/guong")
    assert wrong.code != 0
    assert "@guong_an_hoa" in demo.types("office").out
