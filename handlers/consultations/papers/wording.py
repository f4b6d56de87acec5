"""Dates, periods, kinds of candidate and legal grounds, as Vietnamese offices write them."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from bot.text import fold
from bot.workbook import Value
from handlers.consultations.papers.draft import Counting, DayUnit, Kind, Layer, LegalBasis, plain

_DATES = (
    re.compile(r"\b(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})\b"),
    re.compile(r"\b(?P<d>\d{1,2})\s*[-/.]\s*(?P<m>\d{1,2})\s*[-/.]\s*(?P<y>\d{4}|\d{2})\b"),
    re.compile(r"\b(?P<d>\d{1,2}) thang (?P<m>\d{1,2})(?: nam |[ ,/]+)(?P<y>\d{4})\b"),
)
_SERIALS = range(20_000, 80_000)
"""Excel's day numbers from 1954 to 2119: the only numbers taken for dates."""


def read_date(value: Value, from_1904: bool = False) -> date | None:
    """A real date, an Excel serial, or text holding one date, day before month."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = fold(str(value))
    if re.fullmatch(r"\d{5}(\.\d+)?", text) and int(float(text)) in _SERIALS:
        start = date(1904, 1, 1) if from_1904 else date(1899, 12, 30)
        return start + timedelta(days=int(float(text)))
    return _date_in(text)


def _date_in(folded: str) -> date | None:
    for pattern in _DATES:
        if m := pattern.search(folded):
            year = int(m["y"]) + (2000 if len(m["y"]) == 2 else 0)
            try:
                return date(year, int(m["m"]), int(m["d"]))
            except ValueError:
                return None
    return None


def read_end(value: Value, label: str, from_1904: bool = False) -> date | None:
    """The last day that counts: "trước ngày 20/10" ends with 19/10."""
    day = read_date(value, from_1904)
    written = fold(f"{label} {value}" if isinstance(value, str) else label)
    if day and re.search(r"\btruoc\b", written) and not re.search(r"\btruoc (24|17)\b", written):
        return day - timedelta(days=1)
    return day


def read_days(text: str) -> tuple[int | None, DayUnit | None]:
    """ "10 ngày làm việc" -> (10, "working"); "07 ngày" leaves the unit open."""
    folded = fold(text)
    number = re.search(r"(?<![\d/])(\d{1,3})\s*(?:\([^)]*\)\s*)?(?:ngay|(?:\w+ )?days?)\b", folded)
    number = number or re.fullmatch(r"(\d{1,3})", folded)
    return (int(number[1]) if number else None), day_unit(text)


def read_period(text: str) -> tuple[date | None, date | None]:
    """The days in "10 ngày làm việc, từ ngày 23/11/2026 đến hết ngày 07/12/2026"."""
    folded = fold(text)
    start, mark, end = folded.partition(" den ")
    if mark:
        return _date_in(start), _date_in(end)
    before = read_end(text, "") if "truoc" in folded else None
    return (None, before) if before else (_date_in(folded), None)


def day_unit(text: str) -> DayUnit | None:
    words = plain(text)
    if re.search(r"\b(lam viec|working)\b", words):
        return "working"
    return "calendar" if re.search(r"\b(lich|lien tuc|calendar)\b", words) else None


def layer(text: str) -> Layer | None:
    words = plain(text)
    if re.search(r"\b(trung uong|bo noi vu|centre)\b", words):
        return "centre"
    return "submitter" if re.search(r"\b(trinh|bo|tinh|thanh pho|submit\w*)\b", words) else None


def counting(text: str) -> Counting | None:
    words = plain(text)
    if re.search(r"\b(hom sau|ke tiep|tiep theo|khong tinh ngay dang|next day)\b", words):
        return "civil_code"
    return "posting_day" if re.search(r"\bngay dang\b|\bposting day\b", words) else None


def yes_or_no(text: str) -> bool | None:
    words = plain(text)
    if words in ("co", "x", "bat buoc", "phai co", "yes"):
        return True
    return False if words in ("khong", "khong bat buoc", "no") else None


_DOCUMENT = re.compile(r"\d+/\d{4}/[^\s,;.()]+")
_ARTICLE = re.compile(r"(?:diem \w+,? )?(?:khoan \d+\w?,? )?dieu \d+\w?")


def legal_basis(line: str) -> LegalBasis:
    """The document and the article are taken where they can be told, as they are written."""
    text = " ".join(line.split()).strip(" ;.,-+")
    folded = fold(text)
    document, article = _DOCUMENT.search(text), _ARTICLE.search(folded)
    # Folding keeps the length of all but a few foreign letters.
    source = text if len(text) == len(folded) else folded
    written = source[article.start() : article.end()] if article else ""
    return LegalBasis(text, document[0] if document else "", written)


# Words that settle the kind wherever an office writes them: a column, a section row, the name.
_SAID: tuple[tuple[Kind, str], ...] = (
    ("posthumous", r"\b(truy tang|truy phong|posthumous)\b"),
    ("foreign", r"\b(nguoi nuoc ngoai|to chuc nuoc ngoai|foreign\w*)\b"),
    ("household", r"\b(ho gia dinh|cac ho|household)\b|^(gia dinh|ho) (ong|ba|anh|chi)\b"),
    ("collective", r"^(\w{1,4} )?(cac )?tap the( .*)?$|^(co quan|to chuc|collective)\b"),
    ("person", r"^(\w{1,4} )?(cac )?ca nhan( .*)?$|^(nguoi|person|individual)\b"),
)


def said_kind(text: str) -> Kind | None:
    words = plain(text)
    return next((kind for kind, pattern in _SAID if re.search(pattern, words)), None)


_PERSON_TITLES = re.compile(
    r"^(ong|ba|anh|chi|co|thay|dong chi|bac si|ky su|nha giao|thac si|tien si|ths|ts|bs|pgs|gs"
    r"|(thieu|trung|thuong|dai) (uy|ta|tuong)|thuong si|trung si|ha si|nguoi me|me|liet si)\b"
)
# Two words where the first alone is also a family name without its accents (Đoàn, Vũ, Trương…).
_COLLECTIVE_STARTS = re.compile(
    r"^(ubnd|hdnd|uy ban|hoi dong|cong ty|tong cong ty|tap doan|tap the|benh vien|hoi|dang bo"
    r"|dang uy|chi bo|nhan dan|can bo|trung tam|chi cuc|cuc|hop tac xa|htx|hoc vien|khoa|dai hoc"
    r"|cong an|tieu doan|trung doan|su doan|quan doan|lien doan|mat tran|toa an|vien|nha may"
    r"|xi nghiep|tram|cau lac bo|clb|ngan hang|buu dien|phong|doi|dai phat|bao tang|thu vien|bo"
    r"|xa|phuong|thon|khu dan cu|to dan pho|nhom|so [a-z]|ban (chi|quan|dan|thi|to|tuyen|cong|doi)"
    r"|truong (mam|mau|tieu|trung|thpt|thcs|dai|cao|pho|ptdt|chinh|day|lien|th|mn)"
    r"|doan (thanh|nghe|tncs|truong|kinh|cong)|vu (to|ke|phap|hop|thi|tai|khoa|quan)"
    r"|quan (khu|chung)|thanh (tra|doan|uy)|kho bac|bao hiem|dai (phat|truyen))\b"
)


def guess_kind(name: str) -> tuple[Kind, bool]:
    """Kind by the look of the name, and whether an officer should check it."""
    words = plain(name)
    if said := said_kind(name):
        return said, False
    if _COLLECTIVE_STARTS.match(words):
        return "collective", False
    if _PERSON_TITLES.match(words):
        return "person", False
    looks_personal = 2 <= len(words.split()) <= 6 and not re.search(r"\d", words)
    return ("person" if looks_personal else "collective"), True
