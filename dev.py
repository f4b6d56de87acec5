"""Everything one types while working on neuguong; ``python3 dev.py`` alone lists it.

Standard library only, because it makes the environment that everything else needs. Python 3.6
must still be able to read this file, so that an old Python is answered with a sentence and not
with a SyntaxError: no ``from __future__ import annotations``, no newer syntax.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NEEDED = (3, 11)
NEWER_PYTHONS = ("python3.14", "python3.13", "python3.12", "python3.11")


def too_old(version: "tuple[int, ...]", command: str) -> str:
    """What to tell somebody whose Python is older than NEEDED; nothing when it is not."""
    if version[:2] >= NEEDED:
        return ""
    newer = [name for name in NEWER_PYTHONS if shutil.which(name)]
    remedy = f"run {newer[0]} {command}" if newer else "install it and run this again"
    this = ".".join(str(part) for part in version[:3])
    return f"neuguong needs Python 3.11 or newer; this is Python {this}: {remedy}."


refusal = too_old(sys.version_info[:3], " ".join(sys.argv))
if refusal:
    sys.exit(refusal)

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "neuguong-stamp.json"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
# The interpreter outside any environment: the one inside .venv cannot replace itself.
BASE_PYTHON = getattr(sys, "_base_executable", "") or sys.executable

LOCKS = {"runtime": ROOT / "requirements.txt", "dev": ROOT / "requirements-dev.txt"}

# Where systems keep the certificates an office's own inspection of TLS is signed with.
BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
BEFORE_PIP_CERT = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
TLS_TROUBLE = ("CERTIFICATE_VERIFY_FAILED", "certificate verify failed")

MEMORY = Path("/dev/shm")
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Stop(Exception):
    """The work cannot go on; the text is the one sentence that says what to do."""

    def __init__(self, sentence: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code


def say(text: str) -> None:
    print(text, flush=True)


# --- the environment ----------------------------------------------------------------------------


def child_environment() -> dict[str, str]:
    """Our environment without what would mix foreign packages into .venv."""
    foreign = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "__PYVENV_LAUNCHER__")
    return {name: value for name, value in os.environ.items() if name not in foreign}


def fingerprint(level: str) -> str:
    """Changes when anything that ``level`` installs changes."""
    try:
        return hashlib.sha256(LOCKS[level].read_bytes()).hexdigest()
    except OSError as error:
        raise Stop(
            f"cannot read {LOCKS[level]} ({error.strerror}): take a whole copy of the project."
        ) from error


PEEK = """
import json, os, sys, sysconfig
names = os.listdir(sysconfig.get_path("purelib"))
print(json.dumps({"prefix": sys.prefix, "version": sys.version_info[:2], "names": names}))
"""


def installed() -> list[str]:
    """The names in the site-packages of .venv; none when its Python does not run as our own."""
    try:
        answer = subprocess.run(
            [str(PYTHON), "-I", "-c", PEEK], capture_output=True, text=True, timeout=60, check=True
        )
        seen = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
    ours = os.path.realpath(seen["prefix"]) == str(VENV.resolve())
    if not ours or seen["version"] != list(sys.version_info[:2]):
        return []
    return sorted(name for name in seen["names"] if name != "__pycache__")


def write_stamp(level: str) -> None:
    """Say what .venv holds. Written last, so that a build cut short never looks finished."""
    levels = ("runtime", "dev") if level == "dev" else ("runtime",)
    stamp = {name: fingerprint(name) for name in levels}
    # A moved checkout keeps a Python that runs and scripts that do not: the place counts.
    STAMP.write_text(json.dumps({**stamp, "place": str(VENV), "names": installed()}))


def read_stamp() -> dict[str, object]:
    """What .venv holds, or nothing when it is missing, broken, moved or another Python's."""
    try:
        stamp = json.loads(STAMP.read_text())
        names = set(stamp["names"])
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    whole = bool(names) and stamp.get("place") == str(VENV) and names <= set(installed())
    return stamp if whole else {}


def ensure(level: str) -> None:
    """Make .venv fit for ``level``; a "dev" one serves "runtime" too."""
    stamp = read_stamp()
    fits_runtime = stamp.get("runtime") == fingerprint("runtime")
    if fits_runtime and (level == "runtime" or stamp.get("dev") == fingerprint("dev")):
        return
    started = time.monotonic()
    if fits_runtime and "dev" not in stamp:
        # A failure here leaves a runtime environment that is still whole, and its stamp says so.
        install(level, [str(PYTHON), "-m", "pip"])
    else:
        rebuild(level)
    write_stamp(level)
    say(f"The environment is ready ({time.monotonic() - started:.0f} s).")


def rebuild(level: str) -> None:
    why = "Making" if not VENV.exists() else "Something changed: making again"
    say(f"{why} the environment in {VENV} (half a minute to two minutes) …")
    try:
        make_folder()
        with tempfile.TemporaryDirectory() as folder:
            install(level, make_pip(Path(folder)))
    except BaseException:
        if not VENV.is_symlink() and VENV.is_dir():
            shutil.rmtree(VENV, ignore_errors=True)
        raise


def make_folder() -> None:
    """An empty .venv with a Python and no pip yet."""
    try:
        if VENV.exists() or VENV.is_symlink():
            shutil.rmtree(VENV)
        VENV.mkdir()
    except OSError as error:
        raise Stop(
            f"cannot make the folder {VENV} ({error.strerror}): remove what is there, or copy the"
            " project to a folder where you may write, and run the command again."
        ) from error
    code, text = run_quietly([BASE_PYTHON, "-m", "venv", "--without-pip", str(VENV)])
    if code:
        raise Stop(f"{BASE_PYTHON} cannot make an environment ({last_error(text)}): reinstall it.")


def make_pip(folder: Path) -> list[str]:
    """A pip that installs into .venv: its own, or where ensurepip is missing, the machine's.

    Debian keeps ensurepip in a package of its own. ``--python`` came with pip 22.3; an older pip
    first fetches a newer one into ``folder``, leaving the machine's packages alone.
    """
    code, _ = run_quietly([str(PYTHON), "-m", "ensurepip", "--default-pip"])
    if code == 0:
        return [str(PYTHON), "-m", "pip"]
    say("This Python has no ensurepip; using the machine's own pip …")
    outside = [BASE_PYTHON, "-m", "pip"]
    if run_quietly([*outside, "--version"])[0]:
        raise Stop(
            f"{BASE_PYTHON} has neither ensurepip nor pip: install one of them"
            " (Debian: apt-get install python3-venv) and run the command again."
        )
    into = ["--python", str(PYTHON)]
    if run_quietly([*outside, *into, "--version"])[0]:
        pip([*outside, "install", "--quiet", "--target", str(folder), "pip"])
        outside = [BASE_PYTHON, str(folder / "pip")]
    return [*outside, *into]


def install(level: str, with_pip: list[str]) -> None:
    lock = LOCKS[level]
    count = sum("==" in line for line in lock.read_text(encoding="utf-8").splitlines())
    say(f"Installing the {count} packages of {lock.name} …")
    pip([*with_pip, "install", "--require-hashes", "-r", str(lock)], count)


def pip(command: list[str], count: int = 0) -> None:
    """Run a pip command; when it distrusts the network, again with the system's certificates."""
    env = dict(child_environment(), PIP_USER="0", PIP_NO_INPUT="1", PIP_ROOT_USER_ACTION="ignore")
    env.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_PROGRESS_BAR="off")
    code, text = run_counting(command, env, count)
    bundle = system_bundle()
    if code and distrusts(text) and bundle and "PIP_CERT" not in env:
        say(f"pip does not trust the network's certificate; trying again with {bundle} …")
        code, text = run_counting(command, trusting(bundle, env), count)
    if code:
        raise Stop(pip_remedy(text))


def trusting(bundle: str, env: dict[str, str]) -> dict[str, str]:
    """The same environment with this bundle; the names left out would win over it."""
    kept = {name: value for name, value in env.items() if name not in BEFORE_PIP_CERT}
    return {**kept, "PIP_CERT": bundle}


def distrusts(text: str) -> bool:
    return any(sign in text for sign in TLS_TROUBLE)


def pip_remedy(text: str) -> str:
    if distrusts(text):
        return (
            "pip does not trust the certificate the network shows: set PIP_CERT to the file with"
            " your office's certificates (PEM) and run the command again."
        )
    if "DO NOT MATCH THE HASHES" in text:
        return (
            "a package that arrived is not the one the lock names, and was not installed: run"
            " `pip cache purge`, try another network, and report it if it happens again."
        )
    return (
        f"pip could not install the packages ({last_error(text)}): see to that, or to the network"
        " (HTTPS_PROXY, PIP_INDEX_URL), and run the command again."
    )


def last_error(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines or ["no reason given"]
    return errors[-1].replace("ERROR: ", "").rstrip(".")


def system_bundle() -> str:
    candidates = (os.environ.get("SSL_CERT_FILE", ""), *BUNDLES)
    return next((path for path in candidates if path and os.path.isfile(path)), "")


def run_quietly(command: list[str]) -> tuple[int, str]:
    """The exit code of a command and all it said."""
    return run_counting(command, child_environment(), 0)


def run_counting(command: list[str], env: dict[str, str], count: int) -> tuple[int, str]:
    """As run_quietly; on a terminal shows how many of ``count`` packages pip has reached."""
    lines = []
    done = 0
    try:
        with subprocess.Popen(
            command,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                lines.append(line)
                if line.startswith("Collecting ") and count and sys.stdout.isatty():
                    done += 1
                    print(f"\r  {min(done, count)} of {count} ", end="", flush=True)
    except OSError as error:
        return 127, f"{command[0]}: {error.strerror}"
    finally:
        if done:
            print("\r" + " " * 20 + "\r", end="", flush=True)
    return process.returncode, "".join(lines)


# --- the commands -------------------------------------------------------------------------------


def become(arguments: list[str], **settings: str) -> int:
    """Go on as the Python of .venv, so that Ctrl-C and the exit code are its own."""
    command = [str(PYTHON), *arguments]
    env = {**child_environment(), **settings}
    sys.stdout.flush()
    if os.name != "nt":
        os.execve(command[0], command, env)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child hears Ctrl-C itself
    return subprocess.call(command, env=env)


def setup(_: list[str]) -> int:
    ensure("dev")
    say("Ready: python3 dev.py run, python3 dev.py test.")
    return 0


def run(arguments: list[str]) -> int:
    ensure("runtime")
    return become(["-m", "bot", "run", "--demo", *arguments])


def test(arguments: list[str]) -> int:
    ensure("dev")
    # A part of the time goes to waiting: one process more than there are cores pays.
    processes = ["-n", str(min(8, (os.cpu_count() or 1) + 1)), "--dist", "worksteal"]
    command = ["-m", "pytest", "-q", "-m", "not e2e", *processes, *arguments]
    return become(command, **({"TMPDIR": str(MEMORY)} if has_room(MEMORY) else {}))


def has_room(folder: Path) -> bool:
    """Thousands of databases are made and dropped: no disk needs to keep them."""
    try:
        return shutil.disk_usage(folder).free >= 4 * 1024**3 and os.access(folder, os.W_OK)
    except OSError:
        return False


LINT_IMPORTS = "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())"
CHECKS = (
    ("ruff check", ["-m", "ruff", "check", "--quiet", "."]),
    ("ruff format", ["-m", "ruff", "format", "--check", "--quiet", "."]),
    ("mypy --strict", ["-m", "mypy"]),
    ("import contracts", ["-c", LINT_IMPORTS]),
    ("deptry", ["-m", "deptry", "."]),
    ("migrations", ["-m", "bot", "migrate", "--check"]),
    ("catalogues", ["-m", "pytest", "-q", "tests/test_catalogues.py"]),
)


def check(_: list[str]) -> int:
    """Run every check even after one failed, so that one run shows all there is to mend."""
    ensure("dev")
    failed = [title for title, arguments in CHECKS if not passes(title, arguments)]
    say("Failed: " + ", ".join(failed) + "." if failed else "All checks passed.")
    return 1 if failed else 0


def passes(title: str, arguments: list[str]) -> bool:
    started = time.monotonic()
    code, text = run_quietly([str(PYTHON), *arguments])
    say(f"{title:<18}{'failed' if code else 'ok':<8}{time.monotonic() - started:5.1f} s")
    if code:
        say(text.rstrip())
    return code == 0


def e2e(arguments: list[str]) -> int:
    browser = find_chromium()
    ensure("dev")
    found = ["-m", "pytest", "-q", "-m", "e2e", "tests/e2e", *arguments]
    return become(found, NEUGUONG_CHROMIUM=browser)


def find_chromium() -> str:
    named = os.environ.get("NEUGUONG_CHROMIUM", "")
    for name in (named,) if named else CHROMIUMS:
        path = shutil.which(name)
        if path:
            return os.path.abspath(path)
    if named:
        raise Stop(f"NEUGUONG_CHROMIUM={named} is not a program: set it to Chromium's path.", 2)
    raise Stop(
        "e2e needs Chromium: install it (Debian: apt-get install chromium) or set"
        " NEUGUONG_CHROMIUM to its path.",
        2,
    )


def bench(arguments: list[str]) -> int:
    ensure("dev")
    return become(["-m", "tests.bench", *arguments])


def crash(arguments: list[str]) -> int:
    ensure("dev")
    return become(["-m", "tests.crash", *arguments])


RESOLVE = (
    "uv pip compile -q --universal --generate-hashes --python-version 3.11"
    " --no-emit-index-url --no-annotate --no-header pyproject.toml"
)
RESOLVE_DEV = f"{RESOLVE} --extra dev -c requirements.txt"


def lock(_: list[str]) -> int:
    """Write both requirement files anew; they name versions and hashes, never an address."""
    if not shutil.which("uv"):
        raise Stop("lock needs uv, which nothing else does: install it (pipx install uv).")
    for how, target in ((RESOLVE, LOCKS["runtime"].name), (RESOLVE_DEV, LOCKS["dev"].name)):
        say(f"Resolving {target} …")
        code = subprocess.call([*how.split(), "-o", target])
        if code:
            return code
    return 0


COMMANDS = {
    "run": (run, "run", "the demo office on http://127.0.0.1:8080 (Ctrl-C stops it)"),
    "test": (test, "test [pytest arguments]", "every test, on SQLite and PostgreSQL"),
    "check": (check, "check", "style, types, imports, dependencies, migrations, words"),
    "e2e": (e2e, "e2e", "the web chat and the form in a real Chromium"),
    "bench": (bench, "bench [--json FILE]", "how fast it is beside a bare echo bot"),
    "crash": (crash, "crash N [--reminders M] [--database D]", "N kills under load: what is lost"),
    "setup": (setup, "setup", "only make the environment (.venv); the others do it themselves"),
    "lock": (lock, "lock", "choose newer packages: write requirements*.txt (needs uv)"),
}


def usage() -> str:
    lines = [f"  {shape:<40}{purpose}" for _, shape, purpose in COMMANDS.values()]
    return "\n".join(["Usage: python3 dev.py COMMAND", "", *lines])


def absolute(arguments: list[str]) -> list[str]:
    """Let ``--json FILE`` mean a file where the person stands; we work in the checkout."""
    before = ["", *arguments]
    return [
        os.path.abspath(word) if earlier == "--json" else word
        for earlier, word in zip(before, arguments, strict=False)
    ]


def main(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        say(usage())
        return 0
    if words[0] not in COMMANDS:
        raise Stop(f"there is no command {words[0]}: python3 dev.py lists them.", 2)
    arguments = absolute(words[1:])
    os.chdir(str(ROOT))
    return COMMANDS[words[0]][0](arguments)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Stop as stop:
        print(f"dev.py: {stop}", file=sys.stderr)
        sys.exit(stop.code)
    except KeyboardInterrupt:
        sys.exit(130)
