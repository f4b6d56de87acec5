"""The council's document: what it says, and that it is laid out as an administrative document."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import docx
import pytest
from docx.document import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Mm, Pt

from handlers.consultations.papers import report
from handlers.consultations.papers.report import (
    BasisLine,
    CandidateLine,
    CouncilReport,
    Count,
    Exchange,
    MediumLine,
    MovedEnd,
    Objection,
    shortfall,
)
from tests.consultations.papers import EN, VI

HERE = timezone(timedelta(hours=7))


def at(day: int, hour: int = 9, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=HERE)


OBJECTION = Objection(
    candidate_number=2,
    stance="object",
    received_at=at(30, 20),
    channel="telegram",
    identity_level="signed",
    in_window=True,
    text="Sáng kiến nêu trong báo cáo do nhiều người cùng làm.\nĐề nghị xem lại.",
    evidence=2,
    accepted_at=at(2, 15, month=12),
    exchange=(
        Exchange(from_office=True, at=at(1, 8, month=12), text="Những ai cùng làm?"),
        Exchange(from_office=False, at=at(1, 19, month=12), text="Có hai kỹ sư nữa."),
    ),
    handling="Đã làm việc với đơn vị. Đơn vị đã bổ sung tên đồng tác giả.",
    handled_at=at(3, 10, month=12),
)
WHOLE = CouncilReport(
    parent_agency="Ủy ban nhân dân tỉnh Sông Mây",
    agency="Sở Nội vụ",
    place="Sông Mây",
    addressee="Hội đồng Thi đua - Khen thưởng tỉnh Sông Mây",
    symbol="BC-SNV",
    code="TB-12",
    title="Lấy ý kiến Nhân dân đối với tập thể, cá nhân đề nghị tặng Huân chương Lao động",
    notice="Thông báo số 12/TB-SNV ngày 20/11/2026",
    submission="Tờ trình số 45/TTr-UBND ngày 16/11/2026",
    legal_bases=(
        BasisLine("Luật Thi đua, khen thưởng ngày 15 tháng 6 năm 2022;", verified=True),
        BasisLine("Căn cứ khoản 2 Điều 44 Nghị định số 152/2025/NĐ-CP", verified=True),
    ),
    candidates=(
        CandidateLine(
            1,
            "Trường Mầm non Hoa Sen",
            "collective",
            "Huân chương Lao động hạng Nhì",
            unit="Phường An Bình",
        ),
        CandidateLine(
            2, "Ông Trần Văn Mẫu", "person", "Huân chương Lao động hạng Ba", "Giám đốc", "Sở Y tế"
        ),
        CandidateLine(3, "Bà Lý Thị Ví", "posthumous", "Huân chương Độc lập hạng Ba"),
    ),
    media=(
        MediumLine("Cổng thông tin điện tử tỉnh", at(23, 8), "https://songmay.example/tb12"),
        MediumLine("Báo Sông Mây", at(24, 6), "Số 4512, trang 3"),
    ),
    posted_on=date(2026, 11, 23),
    days=10,
    day_unit="working",
    ends={"civil_code": date(2026, 12, 8), "posting_day": date(2026, 12, 7)},
    announced_end=date(2026, 12, 8),
    closed_at=at(9, 0, 12),
    made_at=at(9, 15, 12),
    counts=(
        Count(1, "telegram", "anonymous", "agree", True, 1203),
        Count(2, "webchat", "to_office", "remark", True, 4),
        Count(2, "telegram", "signed", "object", True, 1),
        Count(3, "form", "anonymous", "inform", False, 2),
    ),
    objections=(OBJECTION,),
    set_aside=3,
    withdrawn=1,
    undecided=2,
    restricted=1,
    receivers=("Như trên", "Thường trực Hội đồng"),
    signer="GIÁM ĐỐC",
)


def written(folder: Path, what: CouncilReport) -> Document:
    path = folder / "bao-cao.docx"
    report.write(what, path, VI)
    return docx.Document(str(path))


def text_of(document: Document) -> str:
    body = document.element.body
    return "\n".join(
        "".join(t.text or "" for t in p.iter(qn("w:t"))) for p in body.iter(qn("w:p"))
    )


def table_under(document: Document, heading: str) -> list[list[str]]:
    for table in document.tables:
        cells = [[cell.text for cell in row.cells] for row in table.rows]
        if cells[0][0] == heading:
            return cells
    raise AssertionError(f"no table under {heading}")


def test_the_page_is_laid_out_as_the_decree_says(tmp_path: Path) -> None:
    document = written(tmp_path, WHOLE)
    page = document.sections[0]
    sizes = (page.page_width, page.page_height, page.top_margin, page.bottom_margin)
    assert [round(s.mm) for s in sizes if s] == [210, 297, 20, 20]
    assert [round(s.mm) for s in (page.left_margin, page.right_margin) if s] == [30, 15]
    head = text_of(document).split("\n")
    assert head[0] == "ỦY BAN NHÂN DÂN TỈNH SÔNG MÂY"
    for line in (
        "SỞ NỘI VỤ",
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
        "Độc lập - Tự do - Hạnh phúc",
        "BÁO CÁO",
        "Kính gửi: Hội đồng Thi đua - Khen thưởng tỉnh Sông Mây",
    ):
        assert line in head
    assert any(line.startswith("Sông Mây, ngày ……") for line in head)
    assert any(line.endswith("/BC-SNV") for line in head)


def test_every_letter_is_times_new_roman_and_body_text_13_to_14(tmp_path: Path) -> None:
    path = tmp_path / "bao-cao.docx"
    report.write(WHOLE, path, VI)
    document = docx.Document(str(path))
    with zipfile.ZipFile(path) as archive:
        styles = archive.read("word/styles.xml").decode()
    assert "Theme=" not in styles
    normal = document.styles["Normal"].element
    fonts = normal.rPr.rFonts
    for name in ("w:ascii", "w:hAnsi", "w:eastAsia", "w:cs"):
        assert fonts.get(qn(name)) == "Times New Roman"
    body = [p for p in document.paragraphs if p.alignment == WD_ALIGN_PARAGRAPH.JUSTIFY and p.text]
    assert len(body) > 20
    for paragraph in body:
        assert round((paragraph.paragraph_format.first_line_indent or Mm(0)).mm) == 10
    plain = [r for p in body for r in p.runs if not r.italic]
    assert {r.font.size for r in plain} == {Pt(14)}


def test_pages_are_numbered_from_the_second_in_the_middle_of_the_top(tmp_path: Path) -> None:
    page = written(tmp_path, WHOLE).sections[0]
    assert page.different_first_page_header_footer
    assert page.first_page_header.paragraphs[0].text == ""
    number = page.header.paragraphs[0]
    assert number.alignment == WD_ALIGN_PARAGRAPH.CENTER
    assert "PAGE" in "".join(t.text or "" for t in number._p.iter(qn("w:instrText")))


def test_legal_bases_end_with_semicolons_and_the_last_with_a_full_stop(tmp_path: Path) -> None:
    lines = text_of(written(tmp_path, WHOLE)).split("\n")
    assert "Căn cứ Luật Thi đua, khen thưởng ngày 15 tháng 6 năm 2022;" in lines
    assert "Căn cứ khoản 2 Điều 44 Nghị định số 152/2025/NĐ-CP." in lines


def test_a_basis_keeps_its_words_and_says_when_nobody_compared_it(tmp_path: Path) -> None:
    line = BasisLine("Khoản 2 Điều 44 Nghị định số 152/2025/NĐ-CP", verified=False)
    lines = text_of(written(tmp_path, replace(WHOLE, legal_bases=(line,)))).split("\n")
    told = "Căn cứ khoản 2 Điều 44 Nghị định số 152/2025/NĐ-CP (chưa đối chiếu với văn bản gốc)."
    assert told in lines


@pytest.mark.parametrize(
    ("notice", "publisher", "told"),
    [
        ("77/TB-SNV", "", "Thông báo số 77/TB-SNV ngày ……"),
        ("77/TB-SNV ngày 20/11/2026", "Sở Nội vụ", "số 77/TB-SNV ngày 20/11/2026 (“Lấy"),
        ("77/TB-SNV ngày 20/11/2026", "UBND tỉnh", "ngày 20/11/2026 của UBND tỉnh (“Lấy"),
        ("Thông báo 7 ngày 20/11/2026", "", "theo Thông báo 7 ngày 20/11/2026 (“Lấy"),
        ("", "", "Thông báo số ……"),
    ],
)
def test_the_number_of_the_notice_and_who_issued_it_stand_in_the_opening(
    tmp_path: Path, notice: str, publisher: str, told: str
) -> None:
    paper = replace(WHOLE, notice=notice, publisher=publisher)
    assert told in text_of(written(tmp_path, paper))


def test_whom_the_people_wrote_to_is_said(tmp_path: Path) -> None:
    paper = replace(WHOLE, receiver="Văn phòng UBND, Số 2 đường Sen")
    assert "Cơ quan tiếp nhận ý kiến: Văn phòng UBND, Số 2" in text_of(written(tmp_path, paper))


def test_our_own_page_has_its_name(tmp_path: Path) -> None:
    line = MediumLine("", at(23, 8), "https://gopy.example/c/TB-12")
    text = text_of(written(tmp_path, replace(WHOLE, media=(line,))))
    assert "Nêu gương\n08:00 23/11/2026\nhttps://gopy.example/c/TB-12" in text


@pytest.mark.parametrize(
    ("closed", "key"),
    [
        (at(9, 0, 12), None),
        (at(8, 17, 12), "papers-report-cut-short-one"),
        (at(27, 9), "papers-report-cut-short-both"),
    ],
)
def test_a_window_that_was_cut_short_is_said(
    tmp_path: Path, closed: datetime, key: str | None
) -> None:
    short = replace(WHOLE, closed_at=closed)
    assert report.cut_short(short) == key
    assert ("Lưu ý" in text_of(written(tmp_path, short))) == (key is not None)


def test_both_ways_of_counting_stand_beside_the_announced_end(tmp_path: Path) -> None:
    text = text_of(written(tmp_path, WHOLE))
    assert "Bộ luật Dân sự: hết 24 giờ 00 ngày 08/12/2026" in text
    assert "ngày đăng là ngày thứ nhất: hết 24 giờ 00 ngày 07/12/2026" in text
    assert "Ngày cuối cùng ghi trong thông báo: 08/12/2026" in text
    assert "10 ngày làm việc" in text
    assert "ngừng nhận ý kiến: 24 giờ 00 ngày 08/12/2026" in text
    assert "Lưu ý" not in text


@pytest.mark.parametrize(
    ("announced", "key"),
    [
        (date(2026, 12, 8), None),
        (date(2026, 12, 9), None),
        (date(2026, 12, 7), "papers-report-short-one"),
        (date(2026, 12, 4), "papers-report-short-both"),
        (None, None),
    ],
)
def test_a_window_announced_too_short_is_said(
    tmp_path: Path, announced: date | None, key: str | None
) -> None:
    short = replace(WHOLE, announced_end=announced)
    assert shortfall(short) == key
    text = text_of(written(tmp_path, short))
    assert ("Lưu ý" in text) == (key is not None)
    if key:
        assert VI(key) in text


def test_a_moved_end_stands_with_its_reason_and_the_old_date(tmp_path: Path) -> None:
    moved = MovedEnd(at(8, 0, 12), at(15, 0, 12), "Bổ sung danh sách")
    text = text_of(written(tmp_path, replace(WHOLE, moved=(moved,))))
    assert (
        "từ 24 giờ 00 ngày 07/12/2026 thành 24 giờ 00 ngày 14/12/2026. Lý do: Bổ sung danh sách"
        in text
    )


def test_totals_are_sums_and_those_outside_the_window_stand_apart(tmp_path: Path) -> None:
    document = written(tmp_path, WHOLE)
    text = text_of(document)
    assert "được tổng hợp: 1.210; trong đó trong thời hạn: 1.208, ngoài thời hạn: 2" in text
    assert table_under(document, VI("papers-report-channel"))[1:] == [
        ["Telegram", "1.203", "0", "1", "0", "1.204"],
        ["Trò chuyện trên web", "0", "4", "0", "0", "4"],
        ["Tổng cộng", "1.203", "4", "1", "0", "1.208"],
    ]
    identity = table_under(document, VI("papers-report-identity"))
    assert identity[-1] == ["Tổng cộng", "1.203", "4", "1", "0", "1.208"]
    by_candidate = table_under(document, VI("papers-report-candidate"))
    assert by_candidate[2] == ["2. Ông Trần Văn Mẫu", "0", "4", "1", "0", "5"]
    outside = text.index("4. Ý kiến ngoài thời hạn")
    assert "Biểu mẫu trên web" in text[outside:]
    assert "Biểu mẫu trên web" not in text[:outside]


def test_figures_say_their_period_when_made_and_what_is_counted(tmp_path: Path) -> None:
    text = text_of(written(tmp_path, WHOLE))
    assert (
        "Số liệu từ ngày 23/11/2026 đến thời điểm lập báo cáo (15 giờ 00 ngày 09/12/2026)" in text
    )
    assert "theo lần gửi mới nhất" in text
    assert "chưa xem xét xong: 2" in text
    assert "(đã ghi lý do trong hồ sơ): 3" in text


def test_each_objection_stands_with_evidence_handling_and_result(tmp_path: Path) -> None:
    text = text_of(written(tmp_path, WHOLE))
    for part in (
        "1. Ý kiến không đồng ý: Ông Trần Văn Mẫu – Huân chương Lao động hạng Ba",
        "Nội dung: Sáng kiến nêu trong báo cáo do nhiều người cùng làm.",
        "Đề nghị xem lại.",
        "Tài liệu kèm theo: 2 tệp",
        "Việc xử lý: Đã ghi nhận vào hồ sơ, 15 giờ 00 ngày 02/12/2026.",
        "Cơ quan hỏi người gửi, 08 giờ 00 ngày 01/12/2026: Những ai cùng làm?",
        "Người gửi trả lời, 19 giờ 00 ngày 01/12/2026: Có hai kỹ sư nữa.",
        "Kết quả kiểm tra: Đã làm việc với đơn vị.",
        "bổ sung tên đồng tác giả. (ghi lúc 10 giờ 00 ngày 03/12/2026)",
    ):
        assert part in text


def test_an_unhandled_objection_leaves_room_to_write(tmp_path: Path) -> None:
    undecided = replace(OBJECTION, accepted_at=None, exchange=(), handling="", handled_at=None)
    open_one = replace(undecided, evidence=0, in_window=False)
    text = text_of(written(tmp_path, replace(WHOLE, objections=(open_one,))))
    assert "Việc xử lý: Cơ quan chưa xem xét xong." in text
    assert "Kết quả kiểm tra: ………" in text
    assert "Tài liệu kèm theo: Không có." in text
    assert "(ngoài thời hạn)" in text


def test_restricted_matters_are_a_number_and_nothing_more(tmp_path: Path) -> None:
    text = text_of(written(tmp_path, WHOLE))
    assert "Có thông tin đang được xác minh. Số nội dung: 1." in text
    none = text_of(written(tmp_path, replace(WHOLE, restricted=0)))
    assert "Có thông tin đang được xác minh" not in none
    assert VI("papers-report-no-restricted") in none


def test_silence_is_said_in_words(tmp_path: Path) -> None:
    silent = replace(WHOLE, counts=(), objections=(), set_aside=0, withdrawn=0, undecided=0)
    document = written(tmp_path, silent)
    text = text_of(document)
    assert "(không có ý kiến)" in text
    assert VI("papers-report-no-objections") in text
    with pytest.raises(AssertionError):
        table_under(document, VI("papers-report-channel"))


def test_silence_within_the_window_is_said_though_late_opinions_came(tmp_path: Path) -> None:
    late = (Count(1, "telegram", "anonymous", "agree", False, 2),)
    text = text_of(written(tmp_path, replace(WHOLE, counts=late, objections=())))
    assert "(không có ý kiến)" in text
    assert "trong thời hạn: 0, ngoài thời hạn: 2" in text


def test_what_the_office_has_not_told_stays_blank(tmp_path: Path) -> None:
    bare = CouncilReport(
        agency="Sở Nội vụ",
        code="TB-1",
        title="Lấy ý kiến",
        posted_on=date(2026, 11, 23),
        days=7,
        day_unit="calendar",
        ends={"civil_code": date(2026, 11, 30)},
        closed_at=at(1, 0, 12),
        made_at=at(1, 9, 12),
        candidates=(CandidateLine(1, "Trần Văn Mẫu", "person", "Huân chương Dũng cảm"),),
    )
    text = text_of(written(tmp_path, bare))
    for part in ("/BC-……", "Tờ trình số …", "Chưa ghi nhận phương tiện", "…………, ngày ……"):
        assert part in text
    assert "không ghi ngày kết thúc" in text


def test_signs_and_letters_that_xml_cannot_hold_do_not_break_the_file(tmp_path: Path) -> None:
    odd = replace(OBJECTION, text="<b>& \x00\x0b\ud800 ký tự lạ\t1")
    text = text_of(written(tmp_path, replace(WHOLE, objections=(odd,))))
    assert "<b>&  ký tự lạ 1" in text


def test_the_paper_hides_who_made_the_program(tmp_path: Path) -> None:
    core = written(tmp_path, WHOLE).core_properties
    assert (core.author, core.comments, core.language) == ("Sở Nội vụ", "", "vi-VN")


def test_the_report_exists_in_english_too(tmp_path: Path) -> None:
    path = tmp_path / "report.docx"
    report.write(WHOLE, path, EN)
    assert "Opinions counted: 1.210" in text_of(docx.Document(str(path)))
    assert [p.name for p in tmp_path.iterdir()] == ["report.docx"]


def test_a_signature_is_never_alone_on_its_page(tmp_path: Path) -> None:
    """It brings the closing words with it, whole, and they name the matter it is put under."""
    body = written(tmp_path, WHOLE).paragraphs
    at = next(i for i, p in enumerate(body) if p.text.startswith("Trên đây là báo cáo"))
    closing, gap = body[at : at + 2]
    assert f"“{WHOLE.title}”, mã đợt: TB-12" in closing.text
    assert closing.paragraph_format.keep_together
    for paragraph in (closing, gap):
        assert paragraph.paragraph_format.keep_with_next
    signature = gap._p.getnext()
    assert signature.tag == qn("w:tbl")
    assert signature.findall(f".//{qn('w:cantSplit')}"), "it is not torn between two pages"


def test_what_moves_with_the_signature_leaves_little_of_a_page_unfilled(tmp_path: Path) -> None:
    """The lines for remarks fill the page before it, and nothing behind it opens another one."""
    document = written(tmp_path, WHOLE)
    body = document.paragraphs
    at = next(i for i, p in enumerate(body) if p.text.startswith("Trên đây là báo cáo"))
    lines = body[at - 4 : at]
    assert [p.text for p in lines] == ["\t"] * 4
    assert not any(p.paragraph_format.keep_with_next for p in lines)
    heights = [p.paragraph_format.line_spacing for p in body[at + 1 :]]
    assert heights == [Pt(6), Pt(1)]
    end = [e.tag for e in document.element.body][-3:]
    assert end == [qn("w:tbl"), qn("w:p"), qn("w:sectPr")]
