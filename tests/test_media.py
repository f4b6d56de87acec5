"""Files at the door: what is let in, what is cleaned, what is refused and survived."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest
from docx import Document
from openpyxl import Workbook
from PIL import Image, ImageOps, PngImagePlugin
from pypdf import PdfWriter

from bot import media
from bot.media import FileStore, Refused, clean_image, inspect, take_in

ORIENTATION, MAKER, GPS = 0x0112, 0x010F, 0x8825
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TYPES = "[Content_Types].xml"
ROOT = Path(media.__file__).parents[1]


def picture(kind: str = "JPEG", mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, 128 if mode == "L" else None).save(file, kind)
    return file.getvalue()


def photo_from_a_phone() -> bytes:
    """Held upright: stored lying, red on the left, with place and camera written into it."""
    image = Image.new("RGB", (80, 40), "blue")
    image.paste("red", (0, 0, 40, 40))
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKER] = 6, "SecretCamera"
    exif[GPS] = {1: "N", 2: (21.0, 1.0, 41.99), 3: "E", 4: (105.0, 51.0, 9.0)}
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif, comment=b"HiddenComment", xmp=b"<x>HiddenXmp</x>")
    return file.getvalue()


def png(width: int, height: int, *extra: tuple[bytes, bytes], rows: int | None = None) -> bytes:
    """A black grey-scale PNG written by hand, so that it may lie or be enormous."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(width + 1)) for _ in range(rows or height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), *extra, (b"IDAT", packed + packer.flush()), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in parts)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def pdf(extra: bytes = b"") -> bytes:
    file = io.BytesIO()
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    writer.write(file)
    return file.getvalue().replace(b"\nxref", b"\n" + extra + b"\nxref")


def object_stream(body: bytes, head: bytes = b"/Type /ObjStm /Filter /FlateDecode") -> bytes:
    packed = zlib.compress(body)
    return b"9 0 obj\n<< %b /Length %d >>\nstream\n%b\nendstream\nendobj" % (
        head,
        len(packed),
        packed,
    )


def package(parts: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, body in parts.items():
            archive.writestr(name, body)
    return file.getvalue()


def word_file() -> bytes:
    file = io.BytesIO()
    document = Document()
    document.add_paragraph("Báo cáo thành tích")
    document.save(file)
    return file.getvalue()


def spreadsheet() -> bytes:
    file = io.BytesIO()
    Workbook().save(file)
    return file.getvalue()


def film(*tracks: bytes, brand: bytes = b"isom", place: bytes = b"") -> bytes:
    handlers = (b"hdlr" + bytes(8) + track + b"rest" for track in tracks)
    return struct.pack(">I", 24) + b"ftyp" + brand + bytes(12) + b"".join(handlers) + place


def opus() -> bytes:
    return b"OggS" + bytes(24) + b"OpusHead" + bytes(200)


def refusal(content: bytes, name: str = "tệp") -> str:
    with pytest.raises(Refused) as refused:
        inspect(content, name)
    return refused.value.key


@pytest.mark.parametrize(
    ("content", "kind", "mime"),
    [
        (picture("JPEG"), "image", "image/jpeg"),
        (picture("PNG"), "image", "image/png"),
        (picture("WEBP"), "image", "image/webp"),
        (pdf(), "document", "application/pdf"),
        (pdf(object_stream(b"<< /Type /Catalog >>")), "document", "application/pdf"),
        (word_file(), "document", DOCX),
        (spreadsheet(), "document", XLSX),
        (opus(), "audio", "audio/ogg"),
        (b"ID3\x04" + bytes(50), "audio", "audio/mpeg"),
        (b"\xff\xfb\x90\x64" + bytes(50), "audio", "audio/mpeg"),
        (b"\xff\xf1\x50\x80" + bytes(50), "audio", "audio/aac"),
        (b"#!AMR\n" + bytes(50), "audio", "audio/amr"),
        (film(b"soun", brand=b"M4A "), "audio", "audio/mp4"),
        (film(b"soun"), "audio", "audio/mp4"),
        (film(b"soun", b"vide"), "video", "video/mp4"),
        (b"\x1aE\xdf\xa3" + b"..webm.." + b"A_OPUS" + bytes(50), "audio", "audio/webm"),
    ],
)
def test_what_people_usually_send_is_taken(content: bytes, kind: str, mime: str) -> None:
    found = inspect(content, "bằng chứng.exe")
    assert (found.kind, found.mime) == (kind, mime)
    assert not found.name.endswith(".exe")


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b"", "media-broken"),
        (b"MZ\x90\x00" + bytes(100), "media-executable"),
        (b"\x7fELF" + bytes(100), "media-executable"),
        (b"#!/bin/sh\nrm -rf ~\n", "media-executable"),
        (package({"AndroidManifest.xml": b"x", "classes.dex": b"x"}), "media-executable"),
        (b"<html><script>alert(1)</script></html>", "media-kind-refused"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "media-kind-refused"),
        (b"\xff\xfeU\x00T\x00F\x00", "media-kind-refused"),
        (b"GIF89a" + bytes(100), "media-kind-refused"),
        (b"OggS" + bytes(24) + b"\x80theora", "media-kind-refused"),
        (package({"a.txt": b"x"}), "media-kind-refused"),
        (film(b"vide", brand=b"qt  "), "media-kind-refused"),
        (b"\x1aE\xdf\xa3..webm..V_VP9 A_OPUS", "media-kind-refused"),
        (film(brand=b"heic"), "media-heic"),
        (film(brand=b"mif1"), "media-heic"),
        (film(brand=b"mp42"), "media-broken"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "media-old-office"),
        (word_file()[:-200], "media-broken"),
        (picture("JPEG", size=(600, 400))[:-900], "media-broken"),
        (b"\xff\xd8\xff" + os.urandom(5000), "media-broken"),
        (b"RIFF\x00\x00\x00\x00WEBP" + bytes(100), "media-broken"),
        (b"%PDF-1.7 cut off", "media-broken"),
    ],
)
def test_everything_else_is_refused_with_a_reason(content: bytes, key: str) -> None:
    assert refusal(content, "ảnh đẹp.jpg") == key


def test_a_file_over_the_limit_is_refused_with_the_limit() -> None:
    with pytest.raises(Refused) as refused:
        inspect(bytes(media.MAX_FILE_BYTES + 1), "to.jpg")
    assert refused.value.key == "media-too-big"
    assert refused.value.details == {"limit_mb": 20}


@pytest.mark.parametrize(
    "part",
    [
        b"8 0 obj << /S /JavaScript >> endobj",
        b"8 0 obj << /JS (app.alert) >> endobj",
        b"8 0 obj << /JS 12 0 R >> endobj",
        b"8 0 obj << /JS<FEFF0061> >> endobj",
        b"8 0 obj << /S /J#61va#53cript >> endobj",
        b"8 0 obj << /S /Launch /F (cmd.exe) >> endobj",
        b"8 0 obj << /Type /EmbeddedFile >> endobj",
        b"8 0 obj << /Names << /EmbeddedFiles 3 0 R >> >> endobj",
        object_stream(b"<< /S /JavaScript /JS (x) >>"),
        object_stream(b"<< /S /J#61vaScript >>", head=b"/Type /Obj#53tm /Filter /FlateDecode"),
        object_stream(b"<< >>").replace(b"\nstream\n", b"\nstream\nx"),
        object_stream(b"<< >>", head=b"/Type /ObjStm /Filter /FlateDecode /X (obj)"),
    ],
)
def test_a_pdf_that_can_do_something_is_refused(part: bytes) -> None:
    assert refusal(pdf(part), "don.pdf") == "media-pdf-active"


def test_a_locked_pdf_is_refused() -> None:
    assert refusal(pdf(b"trailer << /Encrypt 5 0 R >>")) == "media-pdf-locked"


def test_a_pdf_that_swells_is_refused() -> None:
    swollen = object_stream(bytes(media.MAX_UNPACKED_BYTES + 10))
    assert refusal(pdf(swollen)) == "media-unpacks-too-big"


@pytest.mark.parametrize(
    "parts",
    [
        {TYPES: b"<Types/>", "word/document.xml": b"x", "word/vbaProject.bin": b"x"},
        {TYPES: b"ms-word.document.macroEnabled.main+xml", "word/document.xml": b"x"},
        {TYPES: b"<Types/>", "xl/workbook.xml": b"x", "xl/activeX/activeX1.bin": b"x"},
    ],
)
def test_an_office_file_with_macros_is_refused(parts: dict[str, bytes]) -> None:
    assert refusal(package(parts), "báo cáo.docx") == "media-macros"


def test_a_zip_bomb_named_docx_is_refused_without_being_unpacked() -> None:
    bomb = {TYPES: b"<Types/>", "word/document.xml": bytes(media.MAX_UNPACKED_BYTES)}
    content = package(bomb)
    assert len(content) < 200_000
    assert refusal(content, "đơn.docx") == "media-unpacks-too-big"


def test_a_zip_that_lies_about_its_size_is_refused() -> None:
    honest = package({TYPES: b"<Types/>", "word/document.xml": bytes(5_000_000)})
    lying = honest.replace(struct.pack("<I", 5_000_000), struct.pack("<I", 5_000))
    assert lying != honest
    assert refusal(lying) == "media-broken"


def test_an_office_file_packed_in_a_foreign_way_is_refused() -> None:
    parts = {TYPES: b"<Types/>", "word/document.xml": bytes(1000)}
    assert refusal(package(parts, zipfile.ZIP_BZIP2)) == "media-broken"


def test_too_many_parts_are_refused() -> None:
    parts = {f"word/{n}.xml": b"" for n in range(media.MAX_ZIP_ENTRIES)}
    parts |= {TYPES: b"<Types/>", "word/document.xml": b"x"}
    assert refusal(package(parts)) == "media-unpacks-too-big"


def test_a_photo_loses_its_place_and_stands_upright() -> None:
    taken = photo_from_a_phone()
    assert b"SecretCamera" in taken
    clean = clean_image(taken)
    assert (clean.mime, clean.width, clean.height) == ("image/jpeg", 40, 80)
    for secret in (b"SecretCamera", b"Hidden", b"Exif", b"xmp"):
        assert secret not in clean.content
    with Image.open(io.BytesIO(clean.content)) as image:
        assert not image.getexif()
        assert image.size == (40, 80)
        assert _is_red(image, (20, 10))
        assert not _is_red(image, (20, 70))


@pytest.mark.parametrize("orientation", range(10))
def test_every_way_to_hold_a_phone_comes_out_upright(orientation: int) -> None:
    image = Image.linear_gradient("L").resize((60, 40)).rotate(30)
    exif, file = Image.Exif(), io.BytesIO()
    exif[ORIENTATION] = orientation
    image.save(file, "PNG", exif=exif)
    with Image.open(file) as taken:
        expected = ImageOps.exif_transpose(taken)
    with Image.open(io.BytesIO(clean_image(file.getvalue()).content)) as clean:
        assert clean.size == expected.size
        pairs = zip(clean.convert("L").tobytes(), expected.tobytes(), strict=True)
    assert max(abs(one - other) for one, other in pairs) < 30


def _is_red(image: Image.Image, at: tuple[int, int]) -> bool:
    box = (*at, at[0] + 1, at[1] + 1)
    red, _, blue = image.convert("RGB").crop(box).tobytes()
    return red > 200 and blue < 60


def test_words_hidden_in_a_png_are_gone() -> None:
    file, note = io.BytesIO(), PngImagePlugin.PngInfo()
    note.add_text("Author", "HiddenName")
    Image.new("RGBA", (30, 30), (0, 0, 0, 0)).save(
        file, "PNG", pnginfo=note, exif=b"Exif\0\0II*\0"
    )
    clean = clean_image(file.getvalue() + b"HiddenTail")
    assert clean.mime == "image/png"
    assert b"Hidden" not in clean.content
    assert b"eXIf" not in clean.content


def test_only_real_transparency_makes_a_png() -> None:
    opaque = io.BytesIO()
    Image.new("RGBA", (30, 30), (9, 9, 9, 255)).save(opaque, "PNG")
    assert clean_image(opaque.getvalue()).mime == "image/jpeg"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "I;16"])
def test_pictures_of_every_colour_kind_are_read(mode: str) -> None:
    content = picture("TIFF" if mode == "TIFF" else "JPEG" if mode == "CMYK" else "PNG", mode)
    assert clean_image(content).width == 60


def test_the_thin_lines_of_a_scan_stay_when_it_is_made_smaller() -> None:
    scan, file = Image.new("1", (5000, 50), 1), io.BytesIO()
    for x in range(0, 5000, 25):
        scan.paste(0, (x, 0, x + 1, 50))
    scan.save(file, "PNG")
    with Image.open(io.BytesIO(clean_image(file.getvalue()).content)) as clean:
        row = clean.convert("L").crop((0, 9, clean.width, 10)).tobytes()
    assert sum(1 for grey in row if grey < 230) >= 200


def test_a_large_photo_becomes_smaller_and_keeps_its_shape() -> None:
    clean = clean_image(picture(size=(4000, 3000)))
    assert (clean.width, clean.height) == (2048, 1536)


def test_the_largest_allowed_picture_fits_into_the_childs_memory() -> None:
    assert clean_image(png(8000, 5000)).width == 2048
    assert clean_image(picture("PNG", "RGBA", (8000, 5000))).width == 2048


@pytest.mark.parametrize(
    "bomb",
    [png(8001, 5000, rows=1), png(8000, 8000), png(30_000, 30_000, rows=2)],
    ids=["just over", "64 megapixels", "900 megapixels"],
)
def test_a_decompression_bomb_is_refused_at_once(bomb: bytes) -> None:
    started = time.perf_counter()
    with pytest.raises(Refused) as refused:
        clean_image(bomb)
    assert refused.value.key == "media-image-too-large"
    assert refused.value.details == {"limit_megapixels": 40}
    assert time.perf_counter() - started < 5


def test_a_bomb_in_a_text_chunk_is_survived() -> None:
    swelling = b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)
    with pytest.raises(Refused):
        clean_image(png(10, 10, (b"zTXt", swelling)))


MEASURED = """
import resource, sys
from bot.media import Refused, clean_image
try:
    clean_image(sys.stdin.buffer.read())
except Refused:
    pass
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""

if sys.platform != "win32":  # Windows has no such limits and no way to measure them.

    @pytest.mark.parametrize(
        "content",
        [
            png(30_000, 30_000, rows=2),
            png(10, 10, (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9))),
            picture("PNG", "RGBA", (8000, 5000)),
        ],
        ids=["bomb", "bomb in a text", "largest allowed"],
    )
    def test_a_child_never_takes_more_than_its_memory(content: bytes) -> None:
        command = [sys.executable, "-c", MEASURED]
        ran = subprocess.run(command, input=content, capture_output=True, check=True, cwd=ROOT)
        assert int(ran.stdout) * 1024 < 512 * 1024**2

    def test_the_limit_of_memory_holds() -> None:
        greedy = "from bot import media; media._limit_this_process(); bytearray(600 * 1024**2)"
        command = [sys.executable, "-c", greedy]
        ran = subprocess.run(command, capture_output=True, check=False, cwd=ROOT)
        assert b"MemoryError" in ran.stderr

    def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
        program = folder / "child"
        program.write_text(f"#!{sys.executable}\nimport json, os, time\n{script}\n")
        program.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(program))

    def test_the_child_sees_none_of_our_secrets(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("SECRET_KEY", "the office's own")
        stand_in(monkeypatch, tmp_path, "print(json.dumps({'refused': ' '.join(os.environ)}))")
        assert "SECRET_KEY" not in refusal(picture())

    @pytest.mark.parametrize("script", ["time.sleep(60)", "os.abort()", "print('{')"])
    def test_a_child_that_hangs_or_dies_costs_one_picture(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
    ) -> None:
        stand_in(monkeypatch, tmp_path, script)
        monkeypatch.setattr(media, "_CHILD_SECONDS", 1)
        assert refusal(picture()) == "media-broken"


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        ("ảnh.exe", "ảnh.jpg"),
        ("Giấy khen 2026.JPEG", "Giấy khen 2026.jpg"),
        ("../../etc/passwd", "passwd.jpg"),
        ("C:\\Users\\Huệ\\hình.png", "hình.jpg"),
        ("gpj\u202e.exe", "gpj.jpg"),
        ("báo cáo v1.2", "báo cáo v1.2.jpg"),
        ("a.jpg.exe", "a.jpg"),
        ('x"<y>|\n?.jpg', "x y.jpg"),
        (".htaccess", "htaccess.jpg"),
        ("", "image.jpg"),
        ("...", "image.jpg"),
        ("d" * 300 + ".jpg", "d" * 80 + ".jpg"),
    ],
)
def test_a_name_is_made_safe_and_follows_the_content(declared: str, shown: str) -> None:
    assert media._safe_name(declared, "image/jpeg") == shown


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


async def test_a_photo_is_kept_clean_and_its_original_beside(store: FileStore) -> None:
    taken = photo_from_a_phone()
    kept = await take_in(taken, "hiện trường.jpeg", store)
    assert (kept.kind, kept.mime, kept.name) == ("image", "image/jpeg", "hiện trường.jpg")
    assert kept.size == len(store.read(kept.sha256))
    assert b"SecretCamera" not in store.read(kept.sha256)
    assert kept.original_sha256 == hashlib.sha256(taken).hexdigest()
    assert store.read(kept.original_sha256) == taken


async def test_a_document_is_kept_as_it_came(store: FileStore) -> None:
    content = word_file()
    kept = await take_in(content, "Đơn.docx", store)
    assert store.read(kept.sha256) == content
    assert kept.original_sha256 is None
    assert (kept.kind, kept.name) == ("document", "Đơn.docx")


async def test_a_film_forgets_where_it_was_taken(store: FileStore) -> None:
    content = film(b"vide", b"soun", place=b"\xa9xyz\0\x12\x15\xc7+10.7769+106.7009+005.0/end")
    kept = await take_in(content, "cảnh.mp4", store)
    assert b"+00.0000+000.0000+000.0/end" in store.read(kept.sha256)
    assert kept.size == len(content)


async def test_a_refused_file_leaves_nothing_behind(store: FileStore) -> None:
    with pytest.raises(Refused):
        await take_in(b"\xff\xd8\xff" + bytes(100), "hỏng.jpg", store)
    assert not names_in(store.folder)


async def test_the_loop_goes_on_while_pictures_are_decoded(store: FileStore) -> None:
    photos = [picture(size=(3000 + n, 2000)) for n in range(4)]
    decoding = asyncio.gather(*(take_in(each, "a.jpg", store) for each in photos))
    turns = 0
    while not decoding.done():
        await asyncio.sleep(0.005)
        turns += 1
    assert turns > 10
    assert len({kept.original_sha256 for kept in await decoding}) == 4


def test_the_same_content_is_kept_once(store: FileStore) -> None:
    first = store.put(b"content")
    assert first == store.put(b"content") == hashlib.sha256(b"content").hexdigest()
    assert store.path(first) == store.folder / first[:2] / first[2:]
    assert names_in(store.folder) == {first[2:]}
    store.delete(first)
    store.delete(first)
    with pytest.raises(FileNotFoundError):
        store.read(first)


def test_a_failed_write_leaves_no_half_a_file(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space"):
        store.put(b"content")
    assert not names_in(store.folder)


@pytest.mark.parametrize("wrong", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_a_path_is_made_from_a_hash_only(store: FileStore, wrong: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        store.path(wrong)


def keys_of(language: str) -> Iterable[str]:
    words = ROOT / "locales" / language / "LC_MESSAGES" / "media.po"
    lines = words.read_text("utf-8").splitlines()
    return [line[7:-1] for line in lines if line.startswith('msgid "media-')]


@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_refusal_has_its_words(language: str) -> None:
    source = Path(media.__file__).read_text("utf-8")
    keys = list(keys_of(language))
    assert len(keys) == len(set(keys)) == 11
    assert all(f'"{key}"' in source for key in keys)
    assert set(keys) == {part for part in source.split('"') if part.startswith("media-")}
