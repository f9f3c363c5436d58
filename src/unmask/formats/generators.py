"""Traces that image and video generators leave in metadata, and the words of IPTC for where a picture comes from.

Only what a text says is recognised, by patterns; nothing in it is parsed or run.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Literal, get_args

Says = Literal["generated", "partly_generated", "captured", "other"]
MarkKind = Literal["digital_source_type", "generation_parameters", "generator_name", "ai_label", "watermark"]

MAX_VALUE = 300
MAX_MARKS = 16
MAX_TEXTS = 128  # That are searched, of one file.
MAX_TEXT = 200_000  # Characters that are searched of each; a longer graph shows at its beginning what it is.

# https://cv.iptc.org/newscodes/digitalsourcetype/ of 2024-09, retired terms included.
_SOURCE_TYPES: dict[str, Says] = {
    "trainedAlgorithmicMedia": "generated",
    "compositeWithTrainedAlgorithmicMedia": "partly_generated",
    "compositeSynthetic": "partly_generated",
    "digitalCapture": "captured",
    "computationalCapture": "captured",
    "compositeCapture": "captured",
    "negativeFilm": "captured",
    "positiveFilm": "captured",
    "print": "captured",
    "virtualRecording": "other",
    "screenCapture": "other",
    "humanEdits": "other",
    "minorHumanEdits": "other",
    "algorithmicallyEnhanced": "other",
    "algorithmicMedia": "other",
    "dataDrivenMedia": "other",
    "digitalCreation": "other",
    "digitalArt": "other",
    "softwareImage": "other",
    "composite": "other",
}

# Fields in which programs name themselves; elsewhere, such as in a caption, the same words say nothing.
_PROGRAM_FIELDS = frozenset(
    {"software", "creatortool", "make", "model", "credit", "source", "generator", "encoder", "encoded_by",
     "aisystemused", "originatingprogram"}
)  # fmt: skip
_PROGRAMS = re.compile(
    r"\b(Stable ?Diffusion|Stability ?AI|DreamStudio|NovelAI|Midjourney|DALL[-·. ]?E(?: ?[23])?|Adobe Firefly|InvokeAI"
    r"|ComfyUI|Fooocus|SwarmUI|StableSwarmUI|Draw Things|Easy Diffusion|Black Forest Labs|Leonardo\.?Ai|Ideogram"
    r"|Made with Google AI|Edited with Google AI|Imagined with AI|Bing Image Creator|AI[- ]generated)\b",
    re.IGNORECASE,
)
_SOURCE_TYPE = re.compile(
    r"DigitalSourceType(?:\s{1,20}rdf:resource)?(?:\s{0,20}=\s{0,20}[\"']|\s{0,20}>)\s{0,20}"
    r"(?:https?://cv\.iptc\.org/newscodes/digitalsourcetype/)?([A-Za-z]{3,60})"
)
_XMP_FIELD = re.compile(
    r":(CreatorTool|Credit|Software|AISystemUsed)(?:\s{0,20}=\s{0,20}[\"']|\s{0,20}>)([^\"'<]{1,300})"
)
_AI_LABEL = re.compile(r"\bAIGC\b.{0,200}?[\"']Label[\"']\s*:\s*[\"']?(\d)", re.DOTALL)
_STEPS = re.compile(r"\bSteps: \d+, .{0,200}?(?:Sampler|CFG scale|Seed): ", re.DOTALL)
_DREAM = re.compile(r"\" .{0,200}?-s ?\d+", re.DOTALL)
_JOB_ID = re.compile(r"\bJob ID: [0-9a-f]{8}-[0-9a-f]{4}-")


@dataclass(frozen=True)
class OriginMark:
    """One statement about the origin of a file that was found in it; anybody can write or remove such a statement.

    Parameters
    ----------
    kind
        ``"digital_source_type"``: a term of IPTC's vocabulary; ``"generation_parameters"``: settings, prompt or graph
        of a generator; ``"generator_name"``: a generator named as the program that made the file; ``"ai_label"``: the
        label of the Chinese standard GB 45438 on generated content; ``"watermark"``: a known pattern in the pixels.
    says
        What it states of the file: ``"generated"`` by a trained model, ``"partly_generated"``, ``"captured"`` from
        life, or something ``"other"``.
    value
        As it stands in the file, at most 300 characters; escape it before it is shown.
    place
        Where it stands, such as ``"PNG text parameters"``.
    program
        The generator that writes such a mark; None where it names none.
    """

    kind: MarkKind
    says: Says
    value: str
    place: str
    program: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> OriginMark:
        """Return the mark of ``to_dict``'s values, which may come from anywhere.

        Parameters
        ----------
        values
            Of JSON.

        Raises
        ------
        ValueError
            When they are no mark.
        """
        try:
            kind, says, program = values["kind"], values["says"], values.get("program")
            texts = [values["value"], values["place"], *([] if program is None else [program])]
            known = kind in get_args(MarkKind) and says in get_args(Says)
            if not known or not all(isinstance(text, str) for text in texts):
                raise TypeError
            return cls(kind, says, *(text[:MAX_VALUE] for text in texts))
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError("not a mark of origin") from error


@dataclass(frozen=True)
class MetadataText:
    """A text of a file's metadata.

    Parameters
    ----------
    place
        ``"PNG text"``, ``"EXIF"``, ``"XMP"``, ``"IPTC"`` or ``"tag"``.
    name
        Of the entry; empty for a whole XMP packet.
    text
        Its value.
    """

    place: str
    name: str
    text: str


def marks_in(texts: Iterable[MetadataText]) -> tuple[OriginMark, ...]:
    """Return what the texts of a file's metadata state about its origin, each statement once.

    Parameters
    ----------
    texts
        All of the file, in any order.
    """
    cut = [MetadataText(one.place, one.name, one.text[:MAX_TEXT]) for one in islice(texts, MAX_TEXTS)]
    found = dict.fromkeys(mark for text in cut for mark in _marks_of(text))
    return tuple(found)[:MAX_MARKS]


def _marks_of(text: MetadataText) -> Iterator[OriginMark]:
    if text.place == "XMP":
        yield from _marks_of_xmp(text.text)
        return
    yield from _label(text)
    program = _parameters_of(text)
    if program is not None:
        yield _mark("generation_parameters", "generated", text, text.text, program)
    elif text.name.lower() in _PROGRAM_FIELDS:
        yield from _names(text)


def _marks_of_xmp(packet: str) -> Iterator[OriginMark]:
    for term in _SOURCE_TYPE.findall(packet):
        if term in _SOURCE_TYPES:
            place = MetadataText("XMP", "DigitalSourceType", term)
            yield _mark("digital_source_type", _SOURCE_TYPES[term], place, term)
    for name, value in _XMP_FIELD.findall(packet):
        yield from _names(MetadataText("XMP", name, html.unescape(value)))
    yield from _label(MetadataText("XMP", "AIGC", html.unescape(packet)))


def _names(text: MetadataText) -> Iterator[OriginMark]:
    if match := _PROGRAMS.search(text.text):
        program = None if match[1].lower() in ("ai generated", "ai-generated") else match[1]
        says: Says = "partly_generated" if match[1].lower().startswith("edited with") else "generated"
        yield _mark("generator_name", says, text, text.text, program)


def _label(text: MetadataText) -> Iterator[OriginMark]:
    """Recognise the label of GB 45438-2025: 1 generated, 2 perhaps generated, 3 suspected to be."""
    if match := _AI_LABEL.search(f"{text.name} {text.text}"):
        yield _mark("ai_label", "generated" if match[1] == "1" else "other", text, f"Label {match[1]}")


def _mark(
    kind: MarkKind, says: Says, text: MetadataText, value: str, program: str | None = None
) -> OriginMark:
    place = f"{text.place} {text.name}".strip()
    return OriginMark(kind, says, " ".join(value.split())[:MAX_VALUE], place[:MAX_VALUE], program)


def _is_graph(text: str) -> bool:
    start = text.lstrip()[:1] == "{"
    return start and ('"class_type"' in text or ('"nodes"' in text and '"links"' in text))


def _is_object(text: str) -> bool:
    return text.lstrip()[:1] == "{"


# By the name of an entry in lower case: what its text is like, and whose it is then.
_ENTRIES: dict[str, tuple[Callable[[str], object], str]] = {
    "prompt": (_is_graph, "ComfyUI"),
    "workflow": (_is_graph, "ComfyUI"),
    "invokeai_metadata": (_is_object, "InvokeAI"),
    "invokeai_graph": (_is_object, "InvokeAI"),
    "invokeai_workflow": (_is_object, "InvokeAI"),
    "sd-metadata": (_is_object, "InvokeAI"),
    "dream": (lambda text: _DREAM.search(text[:5000]), "InvokeAI"),
    "fooocus_scheme": (bool, "Fooocus"),
    "use_stable_diffusion_model": (bool, "Easy Diffusion"),
    "description": (_JOB_ID.search, "Midjourney"),
}
WEB_UI = "Stable Diffusion web UI, or a program that writes as it does"


def _parameters_of(text: MetadataText) -> str | None:
    """Return whose settings, prompt or graph a text is; None for any other text."""
    known = _ENTRIES.get(text.name.lower())
    if known is not None and known[0](text.text):
        return known[1]
    if "sui_image_params" in text.text and _is_object(text.text):
        return "SwarmUI"
    if _STEPS.search(text.text):
        return WEB_UI
    if text.name.lower() == "comment" and '"sampler"' in text.text and '"uc"' in text.text:
        return "NovelAI"
    # ComfyUI writes its graphs into fields that are there for other things: EXIF's make and model, a video's comment.
    graph = re.sub(r"^(?:prompt|workflow):", "", text.text.lstrip(), flags=re.IGNORECASE)
    if _is_graph(graph) or (text.name.lower() == "comment" and _is_object(graph) and "class_type" in graph):
        return "ComfyUI"
    return None
