from toy_sets import detector, encode_jpeg, finder, make_crops, make_detector, make_videos  # noqa: F401
