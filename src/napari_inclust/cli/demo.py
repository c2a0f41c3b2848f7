"""`inclust demo`: the main job on the small real data set of the package."""


def demo() -> None:
    """Run the main job on a small real data set."""
