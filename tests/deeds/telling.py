"""Deeds told behind the dialogue's back."""

from __future__ import annotations

from typing import Any

from handlers.deeds import service
from handlers.deeds.forms import Told
from handlers.deeds.service import Author, Filed
from storage.models.base import new_id
from storage.models.deeds import Relation
from tests.deeds.ground import NOW, VAULT, Deeds

PROVINCE, COMMUNE = "04", "01273"
WORDS = (
    "Trưa hôm đó nước lũ về nhanh, anh bơi qua suối Nậm Pung kéo hai em nhỏ vào bờ,"
    " rồi quay lại cứu thêm một cụ già đang bám gốc cây."
)
ANOTHER = (
    "Tôi thấy có người nhảy xuống suối Nậm Pung lúc nước lũ về, kéo hai em nhỏ vào bờ"
    " và cứu một cụ già bám ở gốc cây."
)


def told(**given: Any) -> Told:
    columns: dict[str, Any] = {
        "name": "Anh Trần Văn Ví Dụ", "province": PROVINCE, "commune": COMMUNE, "what": WORDS,
        "happened_on": "2026-01-03", "field_code": "CUU_NGUOI", "groups": ["NONG_DAN"],
        "relation": Relation.SAW,
    }  # fmt: skip
    return Told(**{**columns, **given})


async def tells(deeds: Deeds, given: Told | None = None, address: str = "", **more: Any) -> Filed:
    """By somebody new unless an `address` says who."""
    author = more.pop("author", None) or Author("webchat", "vi", address or new_id())
    return await service.report(deeds.session, VAULT, given or told(), author, NOW, **more)
