"""``dev.py`` as a newcomer meets it: a process in a checkout, told from its words and exit code.

What is false stands at the far end: an interpreter that notes what it was asked (and fails as
told), or, once, a package index on this machine whose certificate nobody trusts.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.package_index import index_over_tls, wheel

DEV = Path(__file__).resolve().parents[1] / "dev.py"

# Runs dev.py as a program whose interpreter outside any environment is the one given.
AS_IF_RUN_BY = """
import sys, runpy
sys._base_executable, sys.argv = sys.argv[1], sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

INTERPRETER = """#!{python} -IS
import json, os, shutil, sys, sysconfig, time
words, trouble = sys.argv[1:], os.environ.get("TROUBLE", "")
home = os.path.dirname(os.path.dirname(os.path.abspath(sys.argv[0])))
if words[0] == "-I":
    sys.prefix, sysconfig.get_path = home, lambda _: home + "/packages"
    exec(words[2])
    sys.exit()
with open({log!r}, "a") as log:
    print(json.dumps([home.endswith(".venv"), words, os.environ.get("PIP_CERT")]), file=log)
if words[:2] == ["-m", "venv"]:
    os.makedirs(words[-1] + "/bin")
    shutil.copy(sys.argv[0], words[-1] + "/bin/python")
elif words[1] == "ensurepip":
    sys.exit("no ensurepip" in trouble)
elif words[:2] == ["-m", "pip"] and "--version" in words:
    sys.exit("no pip" in trouble)
elif words[:2] == ["-m", "pip"]:
    if "slow" in trouble:
        time.sleep(60)
    told = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("PIP_CERT")
    if "certificate" in trouble and not (told or "").endswith("office.pem"):
        sys.exit("SSLError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed')")
    if "hashes" in trouble:
        sys.exit("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.")
    if "offline" in trouble:
        sys.exit("ERROR: No matching distribution found for segno==1.6.6")
    os.makedirs({venv!r} + "/packages/segno", exist_ok=True)
elif words[1] in trouble.split():
    print("the output of " + words[1])
    sys.exit(3)
"""


@dataclass
class Asked:
    """One thing the interpreter was asked, by itself or as the one in .venv."""

    in_venv: bool
    words: list[str]
    certificates: str | None

    @property
    def installs(self) -> bool:
        return "install" in self.words


@dataclass
class Checkout:
    """A copy of dev.py with locks of its own, and an interpreter that only pretends."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def log(self) -> Path:
        return self.root / "asked.log"

    def command(self, *words: str) -> list[str]:
        base = str(self.root / "machine/bin/python")
        return [sys.executable, "-IS", "-c", AS_IF_RUN_BY, base, str(self.root / "dev.py"), *words]

    def dev(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            env={**self.env, **env},
            cwd=self.root.parent,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def asked(self) -> list[Asked]:
        """What was asked since the last time."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return [Asked(*json.loads(line)) for line in lines]

    def was_built(self) -> bool:
        return any(asked.installs for asked in self.asked())


def plain_environment() -> dict[str, str]:
    foreign = ("PIP_", "SSL_", "REQUESTS_", "CURL_", "NEUGUONG_", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path / "neuguong", plain_environment())
    python = made.root / "machine/bin/python"
    python.parent.mkdir(parents=True)
    shutil.copy(DEV, made.root)
    for name in ("requirements.txt", "requirements-dev.txt"):
        (made.root / name).write_text("segno==1.6.6 \\\n    --hash=sha256:00\n")
    script = INTERPRETER.format(python=sys.executable, log=str(made.log), venv=str(made.venv))
    python.write_text(script)
    python.chmod(0o755)
    return made


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one line a refusal consists of."""
    assert "Traceback" not in done.stderr
    [line] = done.stderr.splitlines()
    return line


# --- before anything is made --------------------------------------------------------------------


def test_python_3_6_can_still_read_the_file() -> None:
    tree = ast.parse(DEV.read_text(), feature_version=(3, 6))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "__future__" not in imported


def test_an_old_python_is_told_which_one_is_needed() -> None:
    pretend = "import sys, runpy, subprocess, tempfile, pathlib, json, hashlib, signal\n"
    pretend += "sys.version_info, sys.argv = (3, 9, 18, 'final', 0), ['dev.py', 'run']\n"
    pretend += f"runpy.run_path({str(DEV)!r}, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", pretend], env={"PATH": ""}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert sentence(done).startswith("neuguong needs Python 3.11 or newer; this is Python 3.9.18")


@pytest.mark.parametrize("words", [(), ("--help",)])
def test_without_a_command_it_lists_them(checkout: Checkout, words: tuple[str, ...]) -> None:
    done = checkout.dev(*words)
    assert done.returncode == 0
    for command in ("run", "test", "check", "e2e", "bench [--json FILE]", "crash N", "setup"):
        assert f"  {command}" in done.stdout


def test_an_unknown_command_is_refused_in_a_sentence(checkout: Checkout) -> None:
    done = checkout.dev("tset")
    assert done.returncode == 2
    assert "no command tset" in sentence(done)


def test_without_chromium_e2e_says_how_to_get_it(checkout: Checkout) -> None:
    done = checkout.dev("e2e", PATH=str(checkout.root))
    assert done.returncode == 2
    assert "apt-get install chromium" in sentence(done)
    assert not checkout.venv.exists()


def test_a_chromium_that_is_not_there_is_named(checkout: Checkout) -> None:
    done = checkout.dev("e2e", NEUGUONG_CHROMIUM="/nowhere/chromium")
    assert done.returncode == 2
    assert "NEUGUONG_CHROMIUM=/nowhere/chromium" in sentence(done)


# --- making the environment ---------------------------------------------------------------------


def test_run_installs_what_running_needs_and_starts_the_demo(checkout: Checkout) -> None:
    done = checkout.dev("run", "--role", "web")
    assert done.returncode == 0, done.stderr
    asked = checkout.asked()
    assert [each.words[1] for each in asked] == ["venv", "ensurepip", "pip", "bot"]
    assert asked[2].in_venv
    assert "--require-hashes" in asked[2].words
    assert asked[2].words[-1].endswith("requirements.txt")
    assert asked[3].in_venv
    assert asked[3].words[2:] == ["run", "--demo", "--role", "web"]


def test_a_whole_environment_is_not_made_again(checkout: Checkout) -> None:
    checkout.dev("setup")
    assert checkout.was_built()
    checkout.dev("run")
    checkout.dev("test")
    assert not checkout.was_built()


def test_test_after_run_only_adds_what_testing_needs(checkout: Checkout) -> None:
    checkout.dev("run")
    checkout.asked()
    checkout.dev("test")
    asked = checkout.asked()
    assert [each.words[1] for each in asked] == ["pip", "pytest"]
    assert asked[0].words[-1].endswith("requirements-dev.txt")


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_a_changed_lock_makes_the_environment_again(checkout: Checkout, name: str) -> None:
    checkout.dev("setup")
    checkout.asked()
    (checkout.root / name).write_text("segno==1.6.7 \\\n    --hash=sha256:11\n")
    checkout.dev("test")
    assert checkout.asked()[0].words[1] == "venv"


@pytest.mark.parametrize("broken", ["bin/python", "packages/segno", "neuguong-stamp.json"])
def test_a_broken_environment_is_made_again(checkout: Checkout, broken: str) -> None:
    checkout.dev("setup")
    checkout.asked()
    part = checkout.venv / broken
    shutil.rmtree(part) if part.is_dir() else part.write_text("#!/bin/false\n")
    assert checkout.dev("setup").returncode == 0
    assert checkout.was_built()


def test_a_moved_checkout_makes_its_environment_again(checkout: Checkout, tmp_path: Path) -> None:
    checkout.dev("setup")
    checkout.asked()
    checkout.root.rename(tmp_path / "moved")
    moved = Checkout(tmp_path / "moved", checkout.env)
    checkout.root.mkdir()  # where the pretended interpreter keeps its log
    moved.dev("setup")
    assert checkout.was_built()


def test_without_ensurepip_the_machines_own_pip_installs(checkout: Checkout) -> None:
    assert checkout.dev("setup", TROUBLE="no ensurepip").returncode == 0
    [install] = [each for each in checkout.asked() if each.installs]
    assert not install.in_venv
    assert install.words[2:4] == ["--python", str(checkout.venv / "bin/python")]


def test_with_neither_ensurepip_nor_pip_it_says_what_to_install(checkout: Checkout) -> None:
    done = checkout.dev("setup", TROUBLE="no ensurepip, no pip")
    assert "python3-venv" in sentence(done)
    assert not checkout.venv.exists()


def test_an_office_that_inspects_tls_is_tried_again_with_its_certificates(
    checkout: Checkout,
) -> None:
    bundle = checkout.root / "office.pem"
    bundle.touch()
    settings = {"SSL_CERT_FILE": str(bundle), "REQUESTS_CA_BUNDLE": "/another.pem"}
    done = checkout.dev("setup", TROUBLE="certificate", **settings)
    assert done.returncode == 0
    tried = [each.certificates for each in checkout.asked() if each.installs]
    assert tried == [None, str(bundle)]


@pytest.mark.parametrize(
    ("trouble", "remedy"),
    [
        ("hashes", "is not the one the lock names"),
        ("offline", "(No matching distribution found for segno==1.6.6): see to that"),
    ],
)
def test_a_failed_build_says_why_and_leaves_nothing(
    checkout: Checkout, trouble: str, remedy: str
) -> None:
    done = checkout.dev("setup", TROUBLE=trouble)
    assert done.returncode == 1
    assert remedy in sentence(done)
    assert not checkout.venv.exists()
    assert checkout.dev("setup").returncode == 0


def test_when_adding_fails_the_environment_for_running_stays(checkout: Checkout) -> None:
    checkout.dev("run")
    assert checkout.dev("test", TROUBLE="offline").returncode == 1
    checkout.asked()
    assert checkout.dev("run").returncode == 0
    assert not checkout.was_built()


def test_a_folder_where_nothing_can_be_made_is_named_with_a_way_out(checkout: Checkout) -> None:
    checkout.venv.write_text("a file, which root cannot make a folder of either")
    done = checkout.dev("run")
    assert done.returncode == 1
    assert f"cannot make the folder {checkout.venv}" in sentence(done)
    assert "copy the project to a folder where you may write" in sentence(done)
    assert checkout.venv.is_file()


def test_ctrl_c_while_installing_leaves_nothing_half_made(checkout: Checkout) -> None:
    with subprocess.Popen(
        checkout.command("setup"),
        env={**checkout.env, "TROUBLE": "slow"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        until = time.monotonic() + 60
        while time.monotonic() < until and '"install"' not in read(checkout.log):
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == ""
    assert not checkout.venv.exists()


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


# --- the commands -------------------------------------------------------------------------------


def test_the_exit_code_and_arguments_of_the_tests_pass_through(checkout: Checkout) -> None:
    assert checkout.dev("test", "-k", "receipt", TROUBLE="pytest").returncode == 3
    words = checkout.asked()[-1].words[1:]
    assert words[:4] == ["pytest", "-q", "-m", "not e2e"]
    assert words[-2:] == ["-k", "receipt"]


def test_check_goes_through_everything_and_names_what_failed(checkout: Checkout) -> None:
    done = checkout.dev("check", TROUBLE="mypy deptry")
    assert done.returncode == 1
    assert done.stdout.endswith("Failed: mypy --strict, deptry.\n")
    assert "the output of mypy" in done.stdout
    states = [line.split()[-3] for line in done.stdout.splitlines() if line.endswith(" s")]
    assert states == ["ok", "ok", "failed", "ok", "failed", "ok", "ok"]


def test_check_succeeds_when_nothing_failed(checkout: Checkout) -> None:
    done = checkout.dev("check")
    assert done.returncode == 0
    assert done.stdout.endswith("All checks passed.\n")


def test_the_bench_file_is_where_the_person_stands(checkout: Checkout) -> None:
    checkout.dev("bench", "--json", "times.json")
    here = str(checkout.root.parent / "times.json")
    assert checkout.asked()[-1].words == ["-m", "tests.bench", "--json", here]


def test_crash_is_told_how_often_and_on_what(checkout: Checkout) -> None:
    checkout.dev("crash", "3", "--database", "postgresql")
    assert checkout.asked()[-1].words[1:] == ["tests.crash", "3", "--database", "postgresql"]


def test_the_locks_name_no_address() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = (DEV.parent / name).read_text().splitlines()
        assert all("==" in line or line.startswith("    --hash=sha256:") for line in lines)


# --- once for real: this Python, its pip, an index behind a certificate nobody knows ------------


def test_a_real_python_builds_and_runs_behind_a_certificate_it_does_not_know(
    tmp_path: Path,
) -> None:
    root, served = tmp_path / "neuguong", tmp_path / "served"
    shelf = served / "simple/greeting"
    shelf.mkdir(parents=True)
    package = wheel()
    (shelf / "greeting-1.0-py3-none-any.whl").write_bytes(package)
    (root / "bot").mkdir(parents=True)
    shutil.copy(DEV, root)
    (root / "bot/__main__.py").write_text(
        "import greeting, sys\nprint(greeting.words, sys.argv[1:])"
    )
    digest = hashlib.sha256(package).hexdigest()
    (root / "requirements.txt").write_text(f"greeting==1.0 --hash=sha256:{digest}\n")
    with index_over_tls(served) as address:
        settings = {
            **plain_environment(),
            "SSL_CERT_FILE": str(served / "ca.pem"),
            "PIP_INDEX_URL": address,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_RETRIES": "0",
        }
        done = subprocess.run(
            [sys.executable, str(root / "dev.py"), "run", "--role", "web"],
            env=settings,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("xin chào ['run', '--demo', '--role', 'web']\n")
