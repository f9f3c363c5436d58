"""``unmask serve`` and ``unmask keys`` as a user starts them."""

import re
import signal
import subprocess
import sys

import pytest

pytest.importorskip("fastapi", reason="needs the extra [serve]")

import httpx


def unmask(*arguments):
    command = [sys.executable, "-m", "unmask", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_server_says_where_it_is_and_ends_at_a_signal(tmp_path):
    command = [sys.executable, "-m", "unmask", "serve", "--port", "0", "--workers", "0", "--keys"]
    process = subprocess.Popen(
        [*command, "--folder", str(tmp_path)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+/", process.stderr.readline()).group()
        assert "unmask keys add" in process.stderr.readline()
        assert httpx.get(f"{address}v1/scans", timeout=20).status_code == 401
        key = unmask("keys", "add", "desk", "--folder", tmp_path).stdout.strip()
        headers = {"Authorization": f"Bearer {key}"}
        assert httpx.get(f"{address}v1/scans", headers=headers, timeout=20).status_code == 200
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=20)
        assert (out, errors) == ("", "")
    finally:
        process.kill()
        process.wait()


def test_keys_are_made_listed_and_revoked(tmp_path):
    made = unmask("keys", "add", "newsroom", "--folder", tmp_path)
    assert re.fullmatch(r"unmask_[0-9a-f]{16}_[0-9a-f]{64}\n", made.stdout)
    listed = unmask("keys", "list", "--folder", tmp_path).stdout
    assert "newsroom" in listed
    assert made.stdout.strip()[-64:] not in listed
    again = unmask("keys", "add", "newsroom", "--folder", tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.startswith("unmask: there is a key named 'newsroom' already")
    assert unmask("keys", "revoke", "newsroom", "--folder", tmp_path).returncode == 0
    assert unmask("keys", "list", "--folder", tmp_path).stdout == ""


def test_the_secret_that_signs_webhooks_is_printed_and_replaced(tmp_path):
    unmask("keys", "add", "desk", "--folder", tmp_path)
    own, of_desk = (unmask("keys", "secret", *name, "--folder", tmp_path).stdout for name in ([], ["desk"]))
    assert re.fullmatch(r"whsec_[0-9a-zA-Z+/]{43}=\n", own)
    assert of_desk != own == unmask("keys", "secret", "--folder", tmp_path).stdout
    assert unmask("keys", "secret", "desk", "--new", "--folder", tmp_path).stdout != of_desk
    assert unmask("keys", "secret", "nobody", "--folder", tmp_path).returncode == 2
    for action in ("list", "secret"):
        mistyped = unmask("keys", action, "--folder", tmp_path / "mistyped")
        assert mistyped.returncode == 2 and "there is no folder" in mistyped.stderr
    assert not (tmp_path / "mistyped").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--detector", "jrcc"], "did you mean jrc"),
        (["--database", "nonsense"], "URL is not usable"),
        (["--host", "no.such.host.invalid"], "cannot listen"),
        (["--folder", "/proc/nowhere"], "cannot be written"),
        (["--feedback-files"], "add --keep-uploads"),
        (["--webhooks-to", "ftp://x"], "https://"),
    ],
)
def test_what_cannot_work_is_one_line(tmp_path, arguments, says):
    folder = [] if "--folder" in arguments else ["--folder", tmp_path]
    ended = unmask("serve", "--port", "0", "--workers", "0", *folder, *arguments)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
