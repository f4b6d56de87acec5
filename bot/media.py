"""Files at the door: known by what they contain, decoded where they can do no harm, kept by hash.

Run as a program (`python -m bot.media`) it is the child that decodes one image: the bytes come in
on standard input; one line of JSON and the clean image go out on standard output.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import re
import secrets
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Collection, Container
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from PIL import Image, ImageDraw, UnidentifiedImageError

from bot.text import tidy

Group = Literal["image", "document", "audio", "video"]

MAX_FILE_BYTES = 20 * 1024 * 1024
MAX_IMAGE_PIXELS = 40_000_000
MAX_IMAGE_SIDE = 2048
MAX_UNPACKED_BYTES = 100 * 1024 * 1024
MAX_ZIP_ENTRIES = 5000

_JPEG_QUALITY = 85
_CHILD_SECONDS = 10
_CHILD_MEMORY_BYTES = 512 * 1024 * 1024
_CHILD_ENVIRONMENT = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")
_LONGEST_NAME = 80

# Children take half a gigabyte each at worst: two at a time, and not in the threads of others.
_decoders = ThreadPoolExecutor(max_workers=2, thread_name_prefix="media")


class Refused(Exception):
    """We do not take this file; the sentence under `key` says why and what to do instead."""

    def __init__(self, key: str, /, **args: str | int) -> None:
        super().__init__(key)
        self.key = key
        self.details = args


@dataclass(frozen=True)
class Kind:
    kind: Group
    mime: str
    name: str
    """Safe to show and to offer for saving; its ending follows the content."""


@dataclass(frozen=True)
class CleanImage:
    content: bytes
    mime: str
    width: int
    height: int


@dataclass(frozen=True)
class Stored:
    sha256: str
    size: int
    mime: str
    kind: Group
    name: str
    original_sha256: str | None
    """An image as it came, place and camera included: not for everyone's eyes."""


_GROUPS: dict[str, Group] = {"image": "image", "audio": "audio", "video": "video"}

_ENDINGS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/amr": ".amr",
    "audio/amr-wb": ".amr",
    "audio/aac": ".aac",
    "audio/webm": ".webm",
    "video/mp4": ".mp4",
}

_OFFICE_PARTS = {
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


async def take_in(content: bytes, declared_name: str, store: FileStore) -> Stored:
    """Judge, clean and keep a file without holding up the event loop. Raises Refused."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_decoders, _take_in, content, declared_name, store)


def _take_in(content: bytes, declared_name: str, store: FileStore) -> Stored:
    mime = _recognise(content)
    original = None
    if _group(mime) == "image":
        clean = clean_image(content)
        original = store.put(content)
        content, mime = clean.content, clean.mime
    elif mime in ("video/mp4", "audio/mp4"):
        content = _without_place(content)
    name = _safe_name(declared_name, mime)
    return Stored(store.put(content), len(content), mime, _group(mime), name, original)


def inspect(content: bytes, declared_name: str) -> Kind:
    """What the file is, by signature and decoding; the name is only made safe, never believed.

    Blocking: up to ten seconds for a hostile image. Raises Refused.
    """
    mime = _recognise(content)
    if _group(mime) == "image":
        clean_image(content)
    return Kind(_group(mime), mime, _safe_name(declared_name, mime))


def _group(mime: str) -> Group:
    return _GROUPS.get(mime.partition("/")[0], "document")


def _recognise(content: bytes) -> str:
    if len(content) > MAX_FILE_BYTES:
        raise Refused("media-too-big", limit_mb=MAX_FILE_BYTES // 1024**2)
    if not content:
        raise Refused("media-broken")
    mime = _image(content) or _audio(content) or _container(content)
    if mime:
        return mime
    if content.startswith(b"%PDF-"):
        return _pdf(content)
    if content.startswith(b"PK\x03\x04"):
        return _office(content)
    raise Refused(_why_not(content))


def _why_not(content: bytes) -> str:
    if content.startswith(_EXECUTABLES):
        return "media-executable"
    # The container of .doc and .xls, and of a .docx locked with a password.
    if content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "media-old-office"
    return "media-kind-refused"


_EXECUTABLES = (
    b"MZ",
    b"\x7fELF",
    b"#!",
    b"dex\n",
    b"L\x00\x00\x00\x01\x14\x02\x00",
    b"\xca\xfe\xba\xbe",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
)


def _image(content: bytes) -> str | None:
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return None


def _audio(content: bytes) -> str | None:
    if content.startswith(b"OggS") and b"OpusHead" in content[:128]:
        return "audio/ogg"
    if content.startswith(b"#!AMR\n"):
        return "audio/amr"
    if content.startswith(b"#!AMR-WB\n"):
        return "audio/amr-wb"
    return _mpeg_audio(content)


def _mpeg_audio(content: bytes) -> str | None:
    """MP3 with or without a tag before it, or AAC in ADTS frames."""
    if content.startswith(b"ID3"):
        return "audio/mpeg"
    if len(content) < 4 or content[0] != 0xFF:
        return None
    if content[1] & 0xF6 == 0xF0:
        return "audio/aac"
    third_layer = content[1] & 0xE6 == 0xE2 and content[1] & 0x18 != 0x08
    real_rates = content[2] >> 4 not in (0, 15) and content[2] & 0x0C != 0x0C
    return "audio/mpeg" if third_layer and real_rates else None


def _container(content: bytes) -> str | None:
    if content[4:8] == b"ftyp":
        return _mp4(content)
    if content.startswith(b"\x1aE\xdf\xa3") and b"webm" in content[:64]:
        return _webm(content)
    return None


_STILL_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")
)
_MP4_BRANDS = re.compile(rb"isom|iso\d|mp4[12]|M4[ABV] |avc1|dash|MSNV")
_TRACK = re.compile(rb"hdlr.{8}(vide|soun)", re.DOTALL)


def _mp4(content: bytes) -> str:
    brand = content[8:12]
    if brand in _STILL_BRANDS:
        raise Refused("media-heic")
    if not _MP4_BRANDS.fullmatch(brand):
        raise Refused("media-kind-refused")
    tracks = set(_TRACK.findall(content))
    if not tracks:
        raise Refused("media-broken")
    return "video/mp4" if b"vide" in tracks else "audio/mp4"


def _webm(content: bytes) -> str:
    """Sound only: what a browser's recorder makes."""
    head = content[:4096]
    if b"A_OPUS" not in head or re.search(rb"V_(VP[89]|AV1|MPEG|THEORA)", head):
        raise Refused("media-kind-refused")
    return "audio/webm"


# ISO 6709, as phones write the place into a film: +10.7769+106.7009+005.000/
_PLACE = re.compile(rb"[+-]\d{2}\.\d{4,8}[+-]\d{3}\.\d{4,8}(?:[+-]\d+(?:\.\d+)?)?/")


def _without_place(content: bytes) -> bytes:
    """Digits become zeros, so that nothing moves inside the file."""
    return _PLACE.sub(lambda place: re.sub(rb"\d", b"0", place[0]), content)


_PDF_ACTIVE = re.compile(
    rb"/(?:JavaScript|Launch|EmbeddedFiles?|RichMedia)(?![A-Za-z0-9])"
    rb"|/JS\s*(?:\((?:[\t\r\n -~]{2}|\xfe\xff)|<[<0-9A-Fa-f\s]|\d+\s+\d+\s+R)"
)
_PDF_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
_PDF_STREAM = re.compile(rb"(?<!end)stream\r?\n")


def _pdf(content: bytes) -> str:
    """A filter, not a virus scanner: what it cannot look into, it refuses."""
    if b"startxref" not in content:
        raise Refused("media-broken")
    plain = _unescaped(content)
    if re.search(rb"/Encrypt\b", plain):
        raise Refused("media-pdf-locked")
    hidden = _object_streams(content, expected=plain.count(b"/ObjStm"))
    if any(_PDF_ACTIVE.search(part) for part in (plain, _unescaped(hidden))):
        raise Refused("media-pdf-active")
    return "application/pdf"


def _unescaped(names: bytes) -> bytes:
    """PDF lets /JS be written /#4a#53."""
    return _PDF_ESCAPE.sub(lambda digits: bytes([int(digits[1], 16)]), names)


def _object_streams(content: bytes, expected: int) -> bytes:
    """Dictionaries packed into compressed streams. Raises Refused when one stays closed."""
    found: list[bytes] = []
    left = MAX_UNPACKED_BYTES if expected else 0
    for stream in _PDF_STREAM.finditer(content) if expected else ():
        begin = content.rfind(b"obj", 0, stream.start())
        if b"/ObjStm" in _unescaped(content[begin : stream.start()]):
            part = _inflate(memoryview(content)[stream.end() :], left)
            left -= len(part)
            found.append(part)
    if len(found) < expected:
        raise Refused("media-pdf-active")
    return b"\n".join(found)


def _inflate(packed: memoryview, limit: int) -> bytes:
    try:
        unpacker = zlib.decompressobj()
        unpacked = unpacker.decompress(packed, limit + 1)
    except zlib.error:
        raise Refused("media-pdf-active") from None
    if len(unpacked) > limit:
        raise Refused("media-unpacks-too-big")
    return unpacked


def _office(content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            return _office_package(package)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError):
        # RuntimeError covers encrypted entries and NotImplementedError of rare compressions.
        raise Refused("media-broken") from None


def _office_package(package: zipfile.ZipFile) -> str:
    entries = package.infolist()
    names = {entry.filename for entry in entries}
    if names & {"AndroidManifest.xml", "META-INF/MANIFEST.MF"}:
        raise Refused("media-executable")
    mime = next((mime for part, mime in _OFFICE_PARTS.items() if part in names), None)
    if mime is None or "[Content_Types].xml" not in names:
        raise Refused("media-kind-refused")
    if _bursts(entries):
        raise Refused("media-unpacks-too-big")
    # Other methods are foreign to Office files, and zipfile unpacks them without bounds.
    methods = {entry.compress_type for entry in entries}
    if methods - {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise Refused("media-broken")
    if _holds_macros(package, names):
        raise Refused("media-macros")
    if package.testzip():
        raise Refused("media-broken")
    return mime


def _bursts(entries: list[zipfile.ZipInfo]) -> bool:
    """By what the entries say of themselves: zipfile never inflates more of one than it said."""
    unpacked = sum(entry.file_size for entry in entries)
    return len(entries) > MAX_ZIP_ENTRIES or unpacked > MAX_UNPACKED_BYTES


def _holds_macros(package: zipfile.ZipFile, names: set[str]) -> bool:
    if any("vbaproject" in name.lower() or "/activex/" in name.lower() for name in names):
        return True
    return b"macroenabled" in package.read("[Content_Types].xml").lower()


def _safe_name(declared: str, mime: str) -> str:
    """A name alone, without folders, with the ending its content deserves."""
    last = re.split(r"[/\\]", tidy(declared))[-1]
    plain = " ".join(re.sub(r'[<>:"|?*\s]', " ", last).split()).lstrip(". ")
    ending = _ENDINGS[mime]
    stem = re.sub(r"\.[A-Za-z][A-Za-z0-9]{0,4}$", "", plain).removesuffix(ending)
    return (stem[:_LONGEST_NAME].rstrip(". ") or _group(mime)) + ending


def clean_image(content: bytes) -> CleanImage:
    """Turned upright, at most 2048 pixels a side, without EXIF, place, comments or profiles.

    PNG when something in it is transparent, else JPEG. Decoded in a child process with little
    memory, little time and none of our secrets in its environment. Blocking. Raises Refused.
    """
    try:
        header, _, image = _child_says(content).partition(b"\n")
        said = json.loads(header)
    except (subprocess.SubprocessError, ValueError):  # It hung, died or talks nonsense.
        raise Refused("media-broken") from None
    if "refused" in said:
        raise Refused(said["refused"], limit_megapixels=MAX_IMAGE_PIXELS // 10**6)
    return CleanImage(image, said["mime"], said["width"], said["height"])


def _child_says(content: bytes) -> bytes:
    environment = {name: os.environ[name] for name in _CHILD_ENVIRONMENT if name in os.environ}
    child = subprocess.run(
        [sys.executable, "-m", "bot.media"],
        input=content,
        capture_output=True,
        cwd=Path(__file__).resolve().parent.parent,
        env=environment,
        timeout=_CHILD_SECONDS,
        check=True,
    )
    return child.stdout


# What nobody is to recognise in it

COVER_COLUMNS = 12
"""Cells side by side over an image; a thumb finds one on a telephone."""
_COVER = (64, 64, 64)


def cover_rows(clean: bytes) -> int:
    """How many rows of about square cells lie over an image of ours, 24 at most."""
    with Image.open(io.BytesIO(clean)) as image:
        return min(24, max(1, round(COVER_COLUMNS * image.height / image.width)))


async def cover(clean: bytes, cells: Collection[int], name: str, store: FileStore) -> Stored:
    """Keeps a copy of an image of ours with those cells painted over: number 0 is the first of the
    first row. Nothing of what was there is left in the copy."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_decoders, _cover, clean, cells, name, store)


def _cover(clean: bytes, cells: Collection[int], name: str, store: FileStore) -> Stored:
    rows = cover_rows(clean)
    with Image.open(io.BytesIO(clean)) as image:
        covered = image.convert("RGB")
    draw = ImageDraw.Draw(covered)
    for cell in cells:
        row, column = divmod(cell, COVER_COLUMNS)
        left, right = (covered.width * at // COVER_COLUMNS for at in (column, column + 1))
        top, bottom = (covered.height * at // rows for at in (row, row + 1))
        draw.rectangle((left, top, right, bottom), fill=_COVER)
    said, content = _encode(covered)
    mime = str(said["mime"])
    return Stored(
        store.put(content), len(content), mime, _group(mime), _safe_name(name, mime), None
    )


class FileStore:
    """Files under their SHA-256: folder/ab/cdef…; the same content is kept once.

    Before deleting, the caller makes sure that no other row still points to it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, content: bytes) -> str:
        """Once it returns, a power cut does not lose the file."""
        sha256 = hashlib.sha256(content).hexdigest()
        target = self.path(sha256)
        if target.exists():
            os.utime(target)  # so that a sweep under way sees it as new
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            _write_through(target, content)
            _sync_folder(target.parent)
            _sync_folder(self.folder)
        return sha256

    def path(self, sha256: str) -> Path:
        """Where it is or would be. Raises ValueError for anything but 64 hexadecimal digits."""
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            raise ValueError("not a SHA-256 in lower-case hexadecimal")
        return self.folder / sha256[:2] / sha256[2:]

    def read(self, sha256: str) -> bytes:
        return self.path(sha256).read_bytes()

    def delete(self, sha256: str) -> None:
        self.path(sha256).unlink(missing_ok=True)

    def sweep(self, known: Container[str | None], older_than: datetime) -> int:
        """Deletes what is not known and was written before; returns how many. Blocking."""
        swept = 0
        for path in self.folder.glob("??/*"):
            stranger = path.name.endswith(".part") or path.parent.name + path.name not in known
            if stranger and path.stat().st_mtime < older_than.timestamp():
                path.unlink(missing_ok=True)
                swept += 1
        return swept


def _write_through(target: Path, content: bytes) -> None:
    unfinished = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":  # Windows cannot open a folder to sync it.
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _limit_this_process() -> None:
    if sys.platform == "win32":  # No such limits there: the parent's time-out is all.
        return
    import resource

    limits = (
        (resource.RLIMIT_AS, _CHILD_MEMORY_BYTES),
        (resource.RLIMIT_CPU, _CHILD_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    )
    for which, most in limits:
        with suppress(ValueError, OSError):  # macOS refuses some of them.
            resource.setrlimit(which, (most, most))


def _decode(content: bytes) -> tuple[dict[str, str | int], bytes]:
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as image:
            if image.width * image.height > MAX_IMAGE_PIXELS:
                return {"refused": "media-image-too-large"}, b""
            return _encode(_redrawn(image))
    except (Image.DecompressionBombError, MemoryError):
        return {"refused": "media-image-too-large"}, b""
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError):
        return {"refused": "media-broken"}, b""


def _redrawn(image: Image.Image) -> Image.Image:
    """Made small first: a JPEG is then decoded small, and turning it takes little memory."""
    if image.mode in ("1", "P"):  # Made small as they are, letters would lose their lines.
        image = image.convert("RGBA")
    image.thumbnail((MAX_IMAGE_SIDE, MAX_IMAGE_SIDE))
    upright = _upright(image)
    clean = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    clean.info = {}  # Pillow would write comments, XMP and profiles out again.
    return clean


def _upright(image: Image.Image) -> Image.Image:
    """As it was held. exif_transpose would rewrite the EXIF too, and fail where that is odd."""
    turn = None
    with suppress(struct.error, SyntaxError, ValueError, TypeError, KeyError, EOFError, OSError):
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    return image if turn is None else image.transpose(turn)


_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _encode(image: Image.Image) -> tuple[dict[str, str | int], bytes]:
    encoded = io.BytesIO()
    if image.mode == "RGBA" and image.getchannel("A").getextrema() != (255, 255):
        mime = "image/png"
        image.save(encoded, "PNG")
    else:
        mime = "image/jpeg"
        image.convert("RGB").save(encoded, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return {"mime": mime, "width": image.width, "height": image.height}, encoded.getvalue()


def _child() -> None:
    _limit_this_process()
    Image.MAX_IMAGE_PIXELS = MAX_IMAGE_PIXELS
    said, image = _decode(sys.stdin.buffer.read(MAX_FILE_BYTES + 1))
    sys.stdout.buffer.write(json.dumps(said).encode() + b"\n" + image)


if __name__ == "__main__":
    _child()
