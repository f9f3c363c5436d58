"""Finds faces, links them into tracks and cuts crops by named profiles."""

from unmask.faces.centerface import SEARCH_BUDGET, CenterFace, search_budget
from unmask.faces.crops import PROFILES, CropProfile, cut, profile
from unmask.faces.face import Box, CloserFaceFinder, Effort, Face, FaceFinder, FaceSearch, search
from unmask.faces.following import FollowedFace, FrameFaces, cut_faces, follow, follow_main_face
from unmask.faces.quality import FaceQuality, measure, outside_share_of, turn_of
from unmask.faces.scenes import is_cut, scene_of
from unmask.faces.smoothing import smooth_squares
from unmask.faces.tracks import Track, link, main_track
from unmask.faces.upright import UprightView, roll_of, set_upright
from unmask.faces.weights import FaceFinderError

__all__ = [
    "PROFILES",
    "SEARCH_BUDGET",
    "Box",
    "CenterFace",
    "CloserFaceFinder",
    "CropProfile",
    "Effort",
    "Face",
    "FaceFinder",
    "FaceFinderError",
    "FaceQuality",
    "FaceSearch",
    "FollowedFace",
    "FrameFaces",
    "Track",
    "UprightView",
    "cut",
    "cut_faces",
    "follow",
    "follow_main_face",
    "is_cut",
    "link",
    "main_track",
    "measure",
    "outside_share_of",
    "profile",
    "roll_of",
    "scene_of",
    "search",
    "search_budget",
    "set_upright",
    "smooth_squares",
    "turn_of",
]
