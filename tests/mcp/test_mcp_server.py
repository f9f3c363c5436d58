"""The server in a process of its own, spoken to by the protocol's own client."""

import hashlib
import os
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("mcp", reason="needs the extra [mcp]")

import anyio
import jsonschema
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from unmask.demo import portrait
from unmask.mcp.folders import AllowedFolders, RequestError
from unmask.mcp.tools import ScanTools
from unmask.report import ScanResult
from unmask.report.schema import schema


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pictures").mkdir()
    portrait().convert("RGB").save(tmp_path / "pictures" / "face.png")
    (tmp_path / "pictures" / "text.png").write_text("no picture")
    (tmp_path / "secret.png").write_bytes(b"")
    return tmp_path / "pictures"


def speak(folder, conversation, command=(sys.executable, "-m", "unmask")):
    """Start a server and have a conversation with it."""

    async def main():
        words = [*command[1:], "mcp", "--allow", str(folder)]
        async with Client(
            StdioServerParameters(command=command[0], args=words, env=dict(os.environ))
        ) as client:
            return await conversation(client)

    return anyio.run(main)


@pytest.mark.slow
def test_an_assistant_lists_scans_and_explains(folder):
    async def conversation(client):
        tools = (await client.list_tools()).tools
        listed = await client.call_tool("list_detectors", {})
        scanned = await client.call_tool("scan_file", {"path": "face.png", "full": True})
        explained = await client.call_tool(
            "explain_result", {"scan_id": scanned.structured_content["scan_id"]}
        )
        broken = await client.call_tool("scan_file", {"path": str(folder / "text.png")})
        refused = [
            await client.call_tool("scan_file", arguments)
            for arguments in (
                {"path": str(folder.parent / "secret.png")},
                {"path": "../secret.png"},
                {"path": "face.png", "detectors": ["/etc"]},
                {"path": 7},
            )
        ]
        unknown = await client.call_tool("explain_result", {"scan_id": "scan-99"})
        return tools, listed, scanned, explained, broken, [*refused, unknown]

    tools, listed, scanned, explained, broken, refused = speak(folder, conversation)
    assert {tool.name for tool in tools} == {"scan_file", "explain_result", "list_detectors"}
    for tool in tools:
        assert tool.annotations.read_only_hint
        assert not tool.annotations.open_world_hint
    outputs = {tool.name: tool.output_schema for tool in tools}
    for name, answer in (("list_detectors", listed), ("scan_file", scanned), ("explain_result", explained)):
        assert not answer.is_error
        jsonschema.validate(answer.structured_content, outputs[name])
    default = [one for one in listed.structured_content["detectors"] if one["is_default"]]
    assert [one["name"] for one in default] == ["jrc"]

    found = scanned.structured_content
    assert found["status"] == "ok"
    assert found["interval"][0] <= found["score"] <= found["interval"][1]
    assert found["sha256"] == hashlib.sha256((folder / "face.png").read_bytes()).hexdigest()
    assert {answer["verdict"] for answer in found["answers"]} == {found["verdict"]}
    assert len(found["answers"]) == 2  # An image is asked two questions.
    jsonschema.validate(found["result"], schema())
    assert ScanResult.from_dict(found["result"]).score == found["score"]

    words = explained.structured_content
    assert words["found"][0].startswith(f"face.png: {found['headline']}.")
    assert any("90 % interval" in line for line in words["found"])
    assert any("swapped" in line for line in words["asked"])
    assert any("not proof" in line for line in words["limits"])

    assert broken.structured_content["status"] in ("unreadable", "unsupported")
    assert broken.structured_content["sha256"] is None
    assert all(answer.is_error for answer in refused)
    assert "not below a folder" in refused[0].content[0].text
    assert "no detector named '/etc'" in refused[2].content[0].text


def reaches_out(call):
    return "AF_INET" in call or "/etc/resolv.conf" in call


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_the_server_connects_to_nobody(folder, tmp_path):
    trace = tmp_path / "trace"
    command = [
        "strace",
        "-f",
        "-qq",
        "-o",
        str(trace),
        "-e",
        "trace=network,openat",
        sys.executable,
        "-m",
        "unmask",
    ]
    tried = subprocess.run([*command[:-2], "-c", ""], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip("strace may not trace here")
    status = speak(folder, lambda client: client.call_tool("scan_file", {"path": "face.png"}), command)
    assert status.structured_content["status"] == "ok"
    calls = trace.read_text(errors="replace").splitlines()
    assert any("unmask/mcp" in call for call in calls), "the trace shows nothing"
    assert [call for call in calls if reaches_out(call)] == []


def test_without_a_folder_nothing_starts():
    done = subprocess.run([sys.executable, "-m", "unmask", "mcp"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--allow" in done.stderr


# The tools by themselves


def test_a_detector_is_named_by_its_name_alone(folder):
    tools = ScanTools(AllowedFolders([folder]))
    for names in (["../weights"], ["jrc", "nothing"], [str(folder)]):
        with pytest.raises(RequestError, match="no detector named"):
            tools.scan("face.png", names)
