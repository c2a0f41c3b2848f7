"""Names, colours, merging, splitting and taking back."""

from __future__ import annotations

import numpy as np
import pytest

from napari_inclust.errors import ConfigError
from napari_inclust.spatial_domains.edit import (
    DomainSegmentation,
    History,
    match_domains,
    merge,
    palette_colour,
    recolour,
    rename,
    split,
)


@pytest.fixture
def seg():
    return DomainSegmentation.from_labels(np.repeat([0, 1, 2], [30, 20, 10]), np.full(60, 0.8))


@pytest.fixture
def space():
    rng = np.random.default_rng(0)
    return (rng.normal(0, 0.1, (60, 3)) + np.repeat([0, 5, 10, 15], [20, 10, 20, 10])[:, None]).astype(np.float32)


def test_labels_that_skip_numbers_are_closed_up():
    assert list(DomainSegmentation.from_labels(np.array([7, 2, 7]), np.ones(3)).labels) == [1, 0, 1]


def test_renaming_changes_one_name_and_not_the_old_segmentation(seg):
    new = rename(seg, "Domain 2", " Cortex ")
    assert new.names == ("Domain 1", "Cortex", "Domain 3")
    assert seg.names[1] == "Domain 2"
    assert list(new.to_categorical()[30:31]) == ["Cortex"]


@pytest.mark.parametrize(("domain", "name"), [(0, "Domain 2"), (0, "  "), ("Domain 9", "x"), (3, "x")])
def test_names_that_are_taken_empty_or_of_no_domain_are_refused(seg, domain, name):
    with pytest.raises(ConfigError):
        rename(seg, domain, name)


def test_a_colour_is_changed_when_it_is_one(seg):
    assert recolour(seg, 1, "#ABCDEF").colours[1] == "#abcdef"
    with pytest.raises(ConfigError, match="#1f77b4"):
        recolour(seg, 1, "blue")


def test_merged_domains_have_the_name_and_colour_of_the_largest(seg):
    new = merge(seg, [2, 1])
    assert new.names == ("Domain 1", "Domain 2")
    assert new.colours == seg.colours[:2]
    assert list(new.sizes) == [30, 30]
    assert merge(seg, ["Domain 1", "Domain 3"], name="Rim").names == ("Rim", "Domain 2")


@pytest.mark.parametrize("chosen", [[], [1], [1, 1]])
def test_merging_needs_two(seg, chosen):
    with pytest.raises(ConfigError, match="two"):
        merge(seg, chosen)


def test_all_can_be_merged_into_one(seg):
    assert merge(seg, range(3)).n_domains == 1


def test_splitting_finds_the_parts_and_keeps_the_rest(seg, space):
    new = split(seg, 0, space)
    assert new.names == ("Domain 1", "Domain 2", "Domain 3", "Domain 1.2")
    assert list(new.sizes) == [20, 20, 10, 10]
    np.testing.assert_array_equal(new.labels[30:], seg.labels[30:])
    assert len(set(new.colours)) == 4
    assert (new.confidence <= seg.confidence).all()
    np.testing.assert_array_equal(merge(new, ["Domain 1", "Domain 1.2"]).labels, seg.labels)


def test_splitting_again_gives_fresh_names(seg, space):
    once = rename(split(seg, 0, space), "Domain 2", "Domain 1.3")
    assert len(set(split(once, 0, space).names)) == 5


@pytest.mark.parametrize(("parts", "domain"), [(1, 0), (6, 2)])
def test_a_domain_too_small_to_split_is_refused(seg, space, parts, domain):
    with pytest.raises(ConfigError, match="cells"):
        split(seg, domain, space, parts)


def test_cells_that_are_all_equal_do_not_split(seg):
    with pytest.raises(ConfigError, match="fall into parts"):
        split(seg, 0, np.zeros((60, 3), dtype=np.float32))


def test_edits_are_taken_back_and_done_again(seg):
    one = History(seg).do(merge(seg, [0, 1]))
    two = one.do(rename(one.now, 0, "Rim"))
    back = two.undo().undo()
    assert back.now is seg
    assert back.undo() is back
    assert back.redo().redo().now is two.now
    assert back.redo().do(seg).redo().now is seg  # a new edit forgets what was undone


def test_colours_do_not_repeat():
    assert len({palette_colour(i) for i in range(60)}) == 60


def test_fewer_domains_take_names_from_those_they_overlap(seg):
    few = match_domains(DomainSegmentation.from_labels(np.repeat([1, 0], [50, 10]), np.ones(60)), seg)
    assert few.names == ("Domain 1", "Domain 3")
    assert list(few.sizes) == [50, 10]
