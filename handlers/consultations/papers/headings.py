"""Which column or which detail a heading of an office's spreadsheet means.

All matching is on `plain` words: no accents, no case, no punctuation. The English words are those
of our own template in English.
"""

from __future__ import annotations

import re

from bot.intake import Headings
from bot.text import plain

# The first rule that matches decides, so the narrow ones stand first. A field that begins with
# "_" is recognised in order to be left out.
_COLUMNS = Headings(
    ("number", r"^(s?tt|so tt|so thu tu|no|number)$"),
    ("_other", r"\b(cccd|cmnd|dinh danh|tai khoan|ma so thue|so quyet dinh|tong so nam)\b"),
    ("_received", r"\b(da duoc (tang|khen|dat)|da khen|khen thuong da|already received)\b"),
    ("code", r"^(ma|ma so|ma (ung vien|ho so|doi tuong|so ho so)|code|candidate code)$"),
    ("kind", r"^(doi tuong|loai( doi tuong| hinh)?|phan loai|kind|kind of candidate)$"),
    ("summary", r"\b(thanh tich|cong trang|achievements?)\b"),
    ("document_url", r"\b(tai lieu|duong dan|lien ket|file ho so|documents?|link)\b"),
    ("award", r"\b(ten )?(hinh thuc|danh hieu|muc khen)\b"),
    ("name", r"\bho( va)?( chu dem)? ten\b|^(full )?name\b|\bname of (the )?candidate\b"),
    ("name", r"^ten( cua)?( cac)? (tap the|ca nhan|ho gia dinh|doi tuong|don vi ca nhan)\b"),
    ("name", r"^(tap the|ca nhan|ho gia dinh)( va)? (tap the|ca nhan|ho gia dinh)\b"),
    ("name", r"^(ten )?(tap the|don vi|co quan)( hoac)? ca nhan\b|^ung vien$|^ho ten\b"),
    ("award", r"\b(de nghi|khen thuong|award|title proposed)\b"),
    ("position", r"\b(chuc vu|chuc danh|nghe nghiep|position)\b"),
    ("unit", r"\b(noi cong tac|don vi|co quan|unit|workplace)\b"),
    ("born", r"\b(nam sinh|ngay sinh|sinh nam|ngay thang nam sinh|born|year of birth)\b"),
    ("nationality", r"\b(quoc tich|nationality)\b"),
    ("address", r"\b(dia chi|thuong tru|cho o|noi o|que quan|dia phuong|address)\b"),
    ("note", r"\b(ghi chu|notes?)\b"),
    ("_other", r"^(gioi tinh|nam|nu|dan toc|ton giao|trinh do|to trinh)$"),
)

# A heading may carry several details in one column: "Họ và tên, chức vụ, đơn vị công tác".
_ALSO = {"position": "chuc vu", "unit": "don vi|noi cong tac|co quan", "born": "nam sinh"}

_LABELS = Headings(
    ("document", r"^(thong bao so|so thong bao|so van ban|so ky hieu|notice number)$"),
    ("code", r"^(ma|ma dot( lay y kien)?|ma thong bao|ma so( dot)?|code)$"),
    (
        "title",
        r"^(tieu de|ten dot( lay y kien)?|ten thong bao|trich yeu|noi dung lay y kien|title)$",
    ),
    ("publisher", r"^(co quan (ban hanh|thong bao|cong khai|dang)|issued by)$"),
    ("layer", r"^(cap lay y kien|cap|level)$"),
    ("day_unit", r"^(loai ngay|cach tinh ngay|ngay lam viec hay ngay lich|kind of days)$"),
    ("counting", r"^(cach dem( ngay)?|cach tinh thoi han|ngay thu nhat|counting)$"),
    (
        "days",
        r"^(so ngay|thoi (gian|han)( lay| nhan| tiep nhan| gop)* y kien|thoi han|thoi gian"
        r"|so ngay( lay)? y kien|number of days)$",
    ),
    (
        "posted_on",
        r"^((tu )?ngay (dang( tai| thong bao)?|cong khai|bat dau|thong bao)( tai)?"
        r"|dang tai tu ngay|tu ngay|posted on)$",
    ),
    (
        "announced_end",
        r"^(ngay ket thuc|ngay het han|han (cuoi|chot|nhan y kien)|den (het )?ngay"
        r"|ngay cuoi( cung)?|truoc ngay|last day)$",
    ),
    (
        "office",
        r"^((co quan|don vi|noi) (tiep nhan|nhan|lay|thu nhan)( y kien)?|receiving office)$",
    ),
    ("address", r"^(dia chi( (nhan|tiep nhan)( y kien)?)?( \d)?|address( \d)?)$"),
    ("telephone", r"^((so )?dien thoai( lien he)?|sdt|telephone)$"),
    ("email", r"^(e ?mail|thu dien tu|hop thu( dien tu)?)$"),
    (
        "signed_writing",
        r"^((yeu cau|phai co) (y kien )?(bang )?van ban( co)?( ky ten)?"
        r"|signed writing required)$",
    ),
    ("legal_basis", r"^(can cu( phap ly)?( \d)?|co so phap ly|legal basis( \d)?)$"),
    (
        "media",
        r"^((noi|kenh|phuong tien)( da)? (dang( tai)?|cong khai|truyen thong)( \d)?"
        r"|published in( \d)?)$",
    ),
    (
        "url",
        r"^(duong dan|lien ket|link|url|trang dang( thong bao)?"
        r"|(duong dan|lien ket)( den| cua)? thong bao|link to the notice)$",
    ),
    ("submission", r"^((so )?to trinh( so)?|proposal)$"),
)

REPEATED = ("legal_basis", "media", "address")
"""Details that may stand in several rows, or several lines of one cell."""

_HINT_HEADINGS = re.compile(r"^(cach ghi|huong dan( ghi)?|how to fill( in)?)$")


def column_of(heading: str) -> str | None:
    return _COLUMNS.field_of(heading)


def also_in(heading: str) -> tuple[str, ...]:
    """What else a name column says it holds, in the order in which it says it."""
    words = plain(heading)
    found = ((re.search(p, words), name) for name, p in _ALSO.items())
    return tuple(name for _, name in sorted((m.start(), name) for m, name in found if m))


def label_of(text: str) -> tuple[str, str] | None:
    """The detail a label names and what follows its colon in the same cell."""
    head, _, rest = text.partition(":")
    field = _LABELS.field_of(head) if head.strip() else None
    return (field, rest.strip()) if field else None


def is_hint_heading(text: str) -> bool:
    return bool(_HINT_HEADINGS.match(plain(text)))
