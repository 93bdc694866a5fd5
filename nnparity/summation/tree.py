"""A tree of summation: which partial sums are added to which, as text and as a plain simulation follows it.

A leaf is the index of a term; a node is the tuple of what it adds at once, nearly always two, in the order of the
smallest index of each.
"""

from collections.abc import Iterator
from typing import TypeAlias

Tree: TypeAlias = "int | tuple[Tree, ...]"


def leaves(tree: Tree) -> list[int]:
    """The indices of its terms, from left to right."""
    return [leaf for node in nodes(tree) for leaf in (node if isinstance(node, list) else [])]


def nodes(tree: Tree) -> Iterator[list[int] | tuple[Tree, ...]]:
    """Each leaf as a list of its index, and each node behind all that stands under it; no recursion, however deep."""
    stack: list[tuple[Tree, bool]] = [(tree, False)]
    while stack:
        node, done = stack.pop()
        if isinstance(node, int):
            yield [node]
        elif done:
            yield node
        else:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(node))


def chain(tree: Tree) -> list[Tree]:
    """What is added one after the other to the first: a, b and c of ((a + b) + c)."""
    parts: list[Tree] = []
    while isinstance(tree, tuple) and len(tree) == 2:
        parts.append(tree[1])
        tree = tree[0]
    return [tree, *reversed(parts)]


def text(tree: Tree) -> str:
    """Sums from left to right, brackets around the others; several terms at once are joined by "&"."""
    if isinstance(tree, int):
        return str(tree)
    if len(tree) != 2:
        return " & ".join(map(_bracketed, tree))
    return " + ".join(map(_bracketed, chain(tree)))


def _bracketed(tree: Tree) -> str:
    return text(tree) if isinstance(tree, int) else f"({text(tree)})"


def in_order(terms: list[Tree]) -> Tree:
    """One after the other."""
    total = terms[0]
    for term in terms[1:]:
        total = (total, term)
    return total


def pairwise(terms: list[Tree]) -> Tree:
    """Halves of neighbours, as often as there are two."""
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return (pairwise(terms[:middle]), pairwise(terms[middle:]))


def by_halves(terms: list[Tree]) -> Tree:
    """The second half on the first, term by term, until one is left: as registers are folded."""
    while len(terms) > 1:
        half = len(terms) // 2
        terms = [(first, second) for first, second in zip(terms[:half], terms[half:], strict=True)]
    return terms[0]


def in_lanes(terms: list[Tree], lanes: int) -> list[Tree]:
    """Partial sums of every so-many-th term."""
    return [in_order(terms[lane::lanes]) for lane in range(lanes)]


def ordered(tree: Tree) -> Tree:
    """The same sums, what has the smallest index first: addition does not mind."""
    done: list[tuple[int, Tree]] = []
    for node in nodes(tree):
        if isinstance(node, list):
            done.append((node[0], node[0]))
            continue
        children = sorted(done[-len(node) :], key=lambda one: one[0])
        del done[-len(node) :]
        done.append((children[0][0], tuple(child for _, child in children)))
    return done[0][1]
