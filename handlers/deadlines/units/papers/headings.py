"""How offices head the columns of a list of units, and what they write into them.

Everything is matched on `plain` words: no accents, no case, no punctuation. The English words are
those of our own template in English.
"""

from __future__ import annotations

import re

from bot.intake import Headings
from bot.text import fold, plain
from handlers.deadlines.units.papers.draft import ClusterName
from storage.models.units import ClusterKind, SeatRank, UnitKind

# The first rule that matches decides, so the narrow ones stand first.
COLUMNS = Headings(
    ("number", r"^(s?tt|so tt|so thu tu|no|number)$"),
    ("year", r"^(nam( thi dua| ap dung| sinh hoat)?|year)$"),
    ("seat", r"^(vai tro|chuc danh|nhiem vu|cuong vi)( trong)?( (cum|khoi))*$"),
    ("seat", r"^(truong|pho)\b.*\b(cum|khoi)\b|^(cum|khoi) (truong|pho)\b"),
    ("seat", r"^(rank|role) in (the )?cluster$"),
    ("kind", r"^(loai|loai hinh|phan loai|nhom|kind)\b"),
    ("cluster", r"\b(cum|khoi)( thi dua)?\b|\b(cluster|block)\b"),
    ("aliases", r"\bten( don vi| co quan)?( goi)? (cu|khac|viet tat|ngan)\b|^viet tat\b"),
    ("aliases", r"^(aliases|other names|old names)\b"),
    ("code", r"^(ma|ma so|ma (don vi|co quan|dinh danh)|code|unit code|code of the unit)$"),
    ("deputy", r"\b(cap pho|pho thu truong|nguoi thay the?)\b|^deputy\b"),
    ("focal", r"\b(dau moi|can bo (phu trach|theo doi|thi dua)|nguoi phu trach)\b"),
    ("focal", r"^focal person\b"),
    ("head", r"\b(thu truong|nguoi dung dau|lanh dao don vi)\b|^head of the unit$"),
    (
        "parent",
        r"\b(truc thuoc|cap tren|chu quan|(don vi|co quan) quan ly|parent)\b",
    ),
    ("name", r"^(ten )?(don vi|co quan|to chuc)\b|^(ten|name|name of the unit)$"),
    ("province", r"\b(tinh|thanh pho|province)\b"),
    ("commune", r"\b(xa|phuong|dac khu|commune|ward)\b"),
    ("name", r"^ten\b"),
)  # fmt: skip

_KINDS = (
    (UnitKind.SCHOOL, r"^(truong|dai hoc|cao dang|hoc vien|mam non|school)\b"),
    (UnitKind.ARMED_FORCES, r"^(cong an|bo chi huy|quan su|bien phong|quan doi|luc luong vu trang"
                            r"|don bien phong|su doan|trung doan|armed forces)\b"),
    (UnitKind.ENTERPRISE, r"^(cong ty|tong cong ty|doanh nghiep|tap doan|ngan hang|hop tac xa"
                          r"|cttnhh|enterprise)\b"),
    (UnitKind.COMMUNE, r"^((ubnd|uy ban nhan dan|hdnd|dang uy) )?(xa|phuong|dac khu)\b"
                       r"|^(cap xa|commune)\b"),
    (UnitKind.ASSOCIATION, r"^(hoi (?!dong)|lien (minh|doan|hiep)|mat tran|ubmttq|tinh doan"
                           r"|doan thanh nien|cong doan|hoi$|doan the|association)"),
    (UnitKind.DEPARTMENT, r"^(so|ban|nganh|phong|cuc|chi cuc|vu|van phong|thanh tra|kho bac"
                          r"|trung tam|benh vien|vien|toa an|thue|hai quan|bao hiem xa hoi"
                          r"|department)\b"),
    (UnitKind.OTHER, r"^(khac|don vi khac|other)$"),
)  # fmt: skip

_SEATS = (
    (SeatRank.DEPUTY, r"^(pho|(cum|khoi) pho|deputy)\b"),
    (SeatRank.HEAD, r"^(truong|(cum|khoi) truong|head)\b"),
    (SeatRank.MEMBER, r"^(thanh vien|uy vien|member)\b"),
)

_SECTION = re.compile(r"^(cum|khoi)\b(?! (truong|pho)\b)")
_COUNTED = re.compile(r"\s*[(:–-]?\s*\(?\d+\s+(đơn vị|thành viên)\)?\s*:?\s*$", re.IGNORECASE)
_MARK = re.compile(r"^\s*([IVX]{1,5}|[A-ZĐ]|\d{1,2})\s*[.):/-]\s*")
FOOTER = re.compile(
    r"^(an dinh danh sach|danh sach (nay|tren|gom|co)|noi nhan|nguoi (lap|ky|tong hop)|tm |kt |tl "
    r"|tuq |xac nhan cua|ky ten|.{0,40}ngay( \d{1,2})? thang( \d{1,2})? nam)"
)
SUBTOTAL = re.compile(r"^(tong( cong| so)?|cong)\b")


def kind_said(text: str) -> UnitKind | None:
    """What a cell of the column says; None for words of the office's own."""
    words = plain(text)
    if words.replace(" ", "_") in {str(kind) for kind in UnitKind}:
        return UnitKind(words.replace(" ", "_"))
    return next((kind for kind, pattern in _KINDS if re.search(pattern, words)), None)


def kind_of_name(name: str) -> UnitKind:
    """A guess from the first words of a unit's name."""
    return kind_said(name) or UnitKind.OTHER


def seat_said(text: str) -> SeatRank | None:
    words = plain(text)
    return next((rank for rank, pattern in _SEATS if re.search(pattern, words)), None)


def cluster_named(text: str) -> ClusterName:
    """ "I. Khối thi đua số 2 (12 đơn vị)" is "Khối thi đua số 2", known by KHOI-THI-DUA-SO-2."""
    name = " ".join(_COUNTED.sub("", _MARK.sub("", text)).split())
    kind = ClusterKind.BLOCK if plain(name).startswith(("khoi", "block")) else ClusterKind.CLUSTER
    return ClusterName(code_from(name), name, kind)


def is_cluster_section(text: str) -> bool:
    return bool(_SECTION.search(plain(_MARK.sub("", text))))


def code_from(text: str) -> str:
    """Letters, digits and hyphens, at most 32: what is typed on the command line."""
    return "-".join(re.findall(r"[A-Z0-9]+", fold(text).upper()))[:32].strip("-")


def initials(name: str) -> str:
    """For a unit without a code: "Sở Y tế" is SYT, "Trường THCS số 2" is TTHCSS2."""
    return "".join(
        word if word.isdigit() or (word.isupper() and len(word) > 1) else word[0]
        for word in re.findall(r"[^\W_]+", name)
    ).upper()[:28]
