"""Families of manipulation: what methods of many names have in common."""

from __future__ import annotations

FAMILIES: dict[str, str] = {
    "swap_video": "the face of another person, put into a video by a learned swap",
    "reenactment": "expression or mouth of a real person, driven by somebody else or by sound",
    "blend_self": "a face blended with a changed copy of itself",
    "blend_face": "another person's face blended in by hand-made rules",
    "gan_swap": "a face in a photograph, replaced by one that a GAN made",
    "generated": "a face, or a whole picture, wholly made by a machine",
}

_OF_METHOD = {
    **dict.fromkeys(
        ("deepfakes", "faceswap", "faceshifter", "deepfakedetection", "fakeapp", "celeb-synthesis", "dfdc", "fsgan",
         "faceswap-wav2lip", "fsgan-wav2lip", "simswap", "blendface", "uniface", "mobileswap", "facedancer",
         "inswapper", "hq", "lq", "higher_quality", "lower_quality", "end_to_end"),
        "swap_video",
    ),
    **dict.fromkeys(
        ("face2face", "neuraltextures", "wav2lip", "sadtalker", "fomm", "mcnet", "tpsm", "danet", "lia",
         "hyperreenact"),
        "reenactment",
    ),
    **dict.fromkeys(
        ("stylegan", "stylegan2", "stylegan3", "flux_sdxl_dalle3", "stable_diffusion_21", "sd2.1", "midjourney",
         "ddim", "dit", "sit", "pixart"),
        "generated",
    ),
}  # fmt: skip
_OF_DATASET = {
    "dfdc-faces": "swap_video",
    "dfdc": "swap_video",
    "celeb-df": "swap_video",
    "celeb-df-v2": "swap_video",
}


def family_of(stated: str, method: str, dataset: str = "") -> str:
    """Return the family of a fake.

    Parameters
    ----------
    stated
        What a manifest says in its column `family`; it wins, whether or not it is one of ``FAMILIES``.
    method, dataset
        Names of the manipulation and of the dataset, by which it is known otherwise.

    Returns
    -------
    str
        The family's name, or "" where it is not known.
    """
    if stated:
        return stated
    return _OF_METHOD.get(method.lower()) or _OF_DATASET.get(dataset.lower(), "")
