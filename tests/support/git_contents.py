"""Hypothesis strategies for names and contents of git trees."""

from __future__ import annotations

from hypothesis import strategies as st

from reconciler.formats.git_names import name_problem

file_names = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="/\\"), min_size=1, max_size=12).filter(
    lambda name: not name_problem(name.encode())
)

file_paths = st.lists(file_names, min_size=1, max_size=4).map("/".join)

tree_contents = st.dictionaries(file_paths, st.binary(max_size=200), max_size=12).filter(
    lambda files: not any(path != other and other.startswith(path + "/") for path in files for other in files)
)
