"""A tree of summation in words: "16 partial sums, then pairwise"."""

from nnparity.summation.tree import Tree, by_halves, chain, in_order, leaves, nodes, ordered, pairwise

#: What is said of a tree that is none of the usual ones; the tree itself is printed beside it.
OWN = "an order of its own"
#: What is said of a tail that is added up by itself, somewhere inside.
INSERTED = "added to one of the partial sums"


def words(tree: Tree) -> str:
    """In which order it adds up."""
    tree = ordered(tree)
    n = len(leaves(tree))
    for told in (_plain, _lanes, _tail, _blocks, _halves, _inserted):
        if found := told(tree):
            return found
    return f"{OWN}, {n} terms in {depth(tree)} steps"


def depth(tree: Tree) -> int:
    """How many additions follow each other."""
    done: list[int] = []
    for node in nodes(tree):
        if isinstance(node, list):
            done.append(0)
        else:
            below, done = done[-len(node) :], done[: -len(node)]
            done.append(1 + max(below))
    return done[0]


def _plain(tree: Tree) -> str | None:
    terms: list[Tree] = [*sorted(leaves(tree))]
    if len(terms) == 1:
        return "one term"
    if isinstance(tree, tuple) and len(tree) == len(terms) > 2:
        return f"all {len(terms)} at once"
    for name, made in (
        ("in the order of the index", in_order(terms)),
        ("in the reverse order of the index", in_order(terms[::-1])),
        ("pairwise", pairwise(terms)),
        ("pairwise, the second half on the first", _folded(terms)),
    ):
        if made is not None and ordered(made) == tree:
            return name
    return None


def _folded(terms: list[Tree]) -> "Tree | None":
    return by_halves(terms) if len(terms) & (len(terms) - 1) == 0 else None


def _parts(tree: Tree) -> dict[frozenset[int], Tree]:
    """Every partial sum by the terms that it holds."""
    done: list[tuple[frozenset[int], Tree]] = []
    found: dict[frozenset[int], Tree] = {}
    for node in nodes(tree):
        if isinstance(node, list):
            done.append((frozenset(node), node[0]))
        else:
            below, done = done[-len(node) :], done[: -len(node)]
            done.append((frozenset().union(*(terms for terms, _ in below)), node))
        found[done[-1][0]] = done[-1][1]
    return found


def _collapsed(tree: Tree, groups: list[frozenset[int]]) -> Tree:
    """The tree of the groups, each a leaf now: how the partial sums are put together."""
    at = {group: place for place, group in enumerate(groups)}
    done: list[tuple[frozenset[int], Tree]] = []
    for node in nodes(tree):
        if isinstance(node, list):
            terms, made = frozenset(node), node[0]
        else:
            below, done = done[-len(node) :], done[: -len(node)]
            terms, made = frozenset().union(*(one for one, _ in below)), tuple(part for _, part in below)  # type: ignore[assignment]
        done.append((terms, at.get(terms, made)))
    return ordered(done[0][1])


def _lanes(tree: Tree) -> str | None:
    """So many partial sums side by side, each of every so-many-th term."""
    terms, parts = sorted(leaves(tree)), _parts(tree)
    for lanes in range(len(terms) // 2, 1, -1):
        groups = [frozenset(terms[lane::lanes]) for lane in range(lanes)]
        if not all(group in parts for group in groups):
            continue
        for made, inner in ((in_order, ""), (pairwise, " (each pairwise)")):
            if all(ordered(made([*sorted(group)])) == ordered(parts[group]) for group in groups):
                return f"{lanes} partial sums{inner}, then {words(_collapsed(tree, groups))}"
    return None


def _blocks(tree: Tree) -> str | None:
    """Blocks of neighbours, all as long but the last, each in an order with a name; and so are they put together."""
    terms, parts = sorted(leaves(tree)), _parts(tree)
    for size in range((len(terms) + 1) // 2, 1, -1):
        groups = [frozenset(terms[start : start + size]) for start in range(0, len(terms), size)]
        if not all(group in parts for group in groups):
            continue
        inner = list(dict.fromkeys(_plain(parts[group]) for group in groups if len(group) == size))
        outer = words(_collapsed(tree, groups)) if len(inner) == 1 and inner[0] else OWN
        if OWN not in outer:
            return f"{len(groups)} blocks of {size} ({inner[0]}), then {outer}"
    return None


def _halves(tree: Tree) -> str | None:
    """Neighbours halved until each part has an order with a name."""
    parts = _halved(tree)
    if len(parts) < 2:
        return None
    sizes = list(dict.fromkeys(len(leaves(part)) for part in parts))
    inner = list(dict.fromkeys(words(part) for part in parts))
    return f"pairwise over {len(parts)} blocks of {' or '.join(map(str, sizes))} ({'; or '.join(inner)})"


def _halved(tree: Tree) -> list[Tree]:
    if isinstance(tree, int) or len(tree) != 2 or _plain(tree) or _lanes(tree) or _tail(tree):
        return [tree]
    first, second = sorted(leaves(tree[0])), sorted(leaves(tree[1]))
    if first[-1] > second[0] or 2 * min(len(first), len(second)) < max(len(first), len(second)):
        return [tree]
    return _halved(tree[0]) + _halved(tree[1])


def _inserted(tree: Tree) -> str | None:
    """The last terms, added up by themselves and then added to the first partial sum."""
    terms, parts = sorted(leaves(tree)), _parts(tree)
    for so_many in range(len(terms) // 2, 0, -1):
        rest = frozenset(terms[-so_many:])
        if rest in parts and len(without := _without(tree, rest)) == 1:
            body = words(without[0])
            return None if OWN in body or INSERTED in body else f"{body}; {_last(so_many)} {INSERTED}"
    return None


def _without(tree: Tree, terms: frozenset[int]) -> list[Tree]:
    """The tree without one of its partial sums; none if that is all of it."""
    done: list[list[Tree]] = []
    for node in nodes(tree):
        if isinstance(node, list):
            done.append([] if node[0] in terms else [node[0]])
        else:
            below, done = done[-len(node) :], done[: -len(node)]
            left = [part for parts in below for part in parts]
            done.append(left if len(left) < 2 else [tuple(left)])
    return done[0]


def _tail(tree: Tree) -> str | None:
    """A body, and what is left over added one by one."""
    links = chain(tree)
    last = len(links)
    while last > 1 and isinstance(links[last - 1], int):
        last -= 1
    body, rest = in_order(links[:last]), links[last:]
    inside = sorted(leaves(body))
    if not rest or len(inside) < 2 or inside != list(range(inside[0], inside[0] + len(inside))):
        return None
    return f"{words(body)}; then {_last(len(rest))}{' one by one' if len(rest) > 1 else ''}"


def _last(so_many: int) -> str:
    return f"the last {so_many}" if so_many > 1 else "the last"
