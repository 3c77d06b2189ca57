"""Things by name, and who may take a name."""

from __future__ import annotations

import pytest

from nasbench.errors import StudyError
from nasbench.registry import Registry


def one():
    """A definition of this module."""


def from_file(path: str, module: str = "elsewhere"):
    names: dict[str, object] = {"__name__": module}
    exec(compile("def one():\n    pass\n", path, "exec"), names)
    return names["one"]


@pytest.fixture
def registry():
    made: Registry[int] = Registry("animal", StudyError)
    yield made
    Registry.every.remove(made)


def test_it_is_a_mapping_in_the_order_of_registration(registry):
    registry.register("b", 1, one)
    registry.register("a", 2, one)
    assert (list(registry), registry["a"], "c" in registry) == (["b", "a"], 2, False)
    assert registry.names_from(__name__) == ("b", "a")
    assert registry.names_from("elsewhere") == ()


def test_a_name_of_another_file_is_taken(registry):
    registry.register("one", 1, one)
    with pytest.raises(StudyError, match=r"there is already an animal 'one', from .*test_registry\.py; choose another name"):
        registry.register("one", 2, from_file("other.py"))
    assert registry["one"] == 1


def test_the_same_file_or_module_may_define_a_name_again(registry):
    for value, definition in enumerate((from_file("cell.py", "a"), from_file("cell.py", "b"), from_file("moved.py", "b"))):
        registry.register("one", value, definition)
        assert registry["one"] == value


def test_a_class_is_a_definition_too(registry):
    class Thing:
        pass

    registry.register("thing", 1, Thing)
    assert registry.names_from(__name__) == ("thing",)


def test_a_name_that_was_taken_out_is_free(registry):
    registry.register("one", 1, one)
    del registry["one"]
    registry.register("one", 2, from_file("other.py"))
    assert registry["one"] == 2
    assert registry.names_from(__name__) == ()


def test_it_is_put_back_as_it_was(registry):
    registry.register("one", 1, one)
    before = dict(registry)
    registry.register("two", 2, one)
    registry.restore(before)
    assert dict(registry) == {"one": 1}


def test_what_nasbench_registered_meanwhile_stays(registry):
    """A plugin that fails may have imported a module of nasbench for the first time, which is not imported again."""
    registry.register("before", 1, one)
    before = dict(registry)
    registry.register("ours", 2, from_file("ours.py", "nasbench.evaluate.train"))
    registry.register("plugin", 3, from_file("mine.py", "nasbench_plugin_mine"))
    registry.restore(before)
    assert dict(registry) == {"before": 1, "ours": 2}
