"""``hx.draw``: one heterograph as one figure.

From left to right: the image with its boxes; the scene relations; the regions; the bridges; the words; the dependency arcs; the
attributes and relations that the sentence states.
Regions and words are two columns of nodes with the bridges between them; nodes of every other type stand in rows below, in the column
that their type's row in the schema names. Colours, line styles and the legend are read from the same rows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .. import schema
from ..deprecation import renamed_keywords
from ..errors import InputError
from ..validation import validate
from .canvas import Drawing, Sheet, fit, spread, text_size, wrap
from .colours import GREY, INK, Style, node_colour, node_ink, relation_style
from .drawing_model import DrawingModel, read_graph, route
from .image_panel import paint_boxes, paint_image

if TYPE_CHECKING:
    import dgl

# The columns, in inches, for a sheet 10.8 inches wide, or 12.3 where the sentence states attributes or relations.
_WIDTH = 10.8
_SAID_WIDTH = 12.3
_IMAGE = (0.15, 3.15)  # left edge, right edge
_PREDICATE = 4.10  # right edge of the predicates
_VISUAL = (4.66, 6.06)
_IN_IMAGE = (6.30, 7.12)
_IN_SENTENCE = (7.28, 8.10)
_MIDDLE = (6.64, 7.76)  # what stands below the bridges
_WORD = (8.34, 9.22)
_ARC_LABEL = 9.27
_ARC = (9.84, 10.66)
_SAID = 11.05  # left edge of what the sentence states
_TOP = 0.46  # room for the column titles
_SMALL = 6.8
_SAID_INK = "#7A5300"  # the words' colour, dark enough for small type
_BELOW = {"image": _VISUAL, "between": _MIDDLE, "sentence": _WORD, "below": _MIDDLE}  # columns of the types without a column of their own

Span = tuple[float, float]
Chip = tuple[float, float, float]  # left edge, right edge and middle height of a node, in inches


@renamed_keywords(picture="image")
def draw(
    graph: dgl.DGLGraph,
    *,
    image: Any = None,
    sentence: str | None = None,
    max_regions: int = 36,
    max_words: int = 40,
    max_relations: int = 14,
) -> Drawing:
    """Draw one heterograph: image and regions on the left, sentence on the right, bridges between.

    Parameters
    ----------
    graph : a pair graph (see :func:`hetero_xmodal.build_graph`) or a label graph (drawn by :func:`draw_label_graph`); not a batch.
        Node types and relations beyond the schema are drawn in grey.
    image : PIL image, path or uint8 array, of the size that the graph's boxes are measured in. Without it the boxes are
        drawn on a blank canvas of that size.
    sentence : the sentence as written, for the title; without it the words of the graph are shown.
    max_regions, max_words, max_relations : how many are drawn; where there are more, the figure says so.

    Returns
    -------
    matplotlib.figure.Figure
        11 to 12 inches wide; ``figure.savefig("graph.png", dpi=150)`` writes it. No pyplot state is touched.

    Raises
    ------
    InputError : the graph is a batch or breaks the schema, or the image is unreadable or not the size the boxes were measured in.

    >>> import hetero_xmodal as hx
    >>> figure = hx.draw(hx.build_graph(hx.SceneGraph(), hx.parse_sentence("a red bird on a tree")))
    >>> float(figure.get_size_inches()[0])
    12.3
    """
    for name, value in (("max_regions", max_regions), ("max_words", max_words), ("max_relations", max_relations)):
        if not isinstance(value, int) or value < 1:
            raise InputError(f"{name} is {value!r}, expected a whole number of at least 1")
    if not hasattr(graph, "canonical_etypes"):
        raise InputError(f"expected a dgl.DGLGraph, found {type(graph).__name__}; build one with hx.build_graph")
    if graph.batch_size > 1:
        raise InputError(f"this graph is a batch of {graph.batch_size} graphs; take it apart with dgl.unbatch(graph) and draw one of them")
    validate(graph, allow_extra=True)
    if schema.graph_kind(graph) == "labels":
        from .label_graph import draw_label_graph

        return draw_label_graph(graph)
    model = read_graph(graph, image, max_regions=max_regions, max_words=max_words, max_relations=max_relations)
    return _Figure(model, sentence).paint()


class _Figure:
    """Lays the model out on a sheet. Every text has a place of its own: a row in a column, or a free place found by :func:`place`."""

    def __init__(self, model: DrawingModel, sentence: str | None) -> None:
        self.model = model
        self.named = {v for v, _ in model.edges[schema.VISUAL_SAME_AS_WORD]}
        self.seen = {w for w, _ in model.edges[schema.WORD_SAME_AS_VISUAL]}
        words = " ".join(model.names[schema.WORD][w] for w in model.words) + (" …" if len(model.words) < model.counts[schema.WORD] else "")
        title = " ".join((words if sentence is None else sentence).split())
        described = [w for w in model.words if model.said_of and model.said_of[w]]
        self.width = _SAID_WIDTH if described or model.said else _WIDTH
        self.described = described
        self.title = wrap(f"“{title}”", 10.5, self.width - 0.4, lines=2, style="italic") if title else []
        self.body = 0.14 + 0.23 * len(self.title) + _TOP  # y of the first row
        left, right = _IMAGE
        width, height = model.size or (4, 3)
        scale = min((right - left) / width, 3.6 / height)
        self.scale, self.image_size = scale, (width * scale, height * scale)
        self.legend = self._node_legend(), self._relation_legend()
        legend_height = 0.19 * (self._legend_rows() + 1) + 0.15 * len(model.notes) + 0.3
        copies = [sum(1 for b in model.bridges if model.lives_in[b] == side) for side in (schema.IN_IMAGE, schema.IN_SENTENCE)]
        columns = [len(nodes) * (0.31 if len(nodes) <= 18 else 0.25) for nodes in (model.words, model.regions)]
        rows = max(*columns, 0.3 * max(copies), 0.2 * len(model.listed), 0.2 * (len(model.said) + len(described)))
        below = max((len(nodes) for nodes in self._below().values()), default=0)
        rows_below = 0.3 * below + (0.25 if below else 0)
        self.height = max(self.body - 0.12 + max(self.image_size[1], 0.5) + legend_height, self.body + rows + rows_below + 0.2)
        self.sheet = Sheet(self.width, self.height)
        self.bottom = self.height - 0.2 - rows_below

    # ------------------------------------------------------------------------------------------ places

    def _below(self) -> dict[Span, list[tuple[str, int]]]:
        """Column -> the nodes of other types that stand in it below everything else, from top to bottom."""
        columns: dict[Span, list[tuple[str, int]]] = {}
        for node_type in self.model.others:
            if self.model.shown[node_type]:
                column = columns.setdefault(_BELOW[schema.node_type(node_type).place], [])
                column += [(node_type, n) for n in self.model.shown[node_type]]
        return columns

    def _lay_out(self) -> None:
        model, top = self.model, self.body + 0.12
        pitch = min(0.36, (self.bottom - top) / max(len(model.words) - 1, 1)) if model.words else 0
        self.word_y = {w: top + i * pitch for i, w in enumerate(model.words)}
        partner = dict(model.edges[schema.VISUAL_SAME_AS_WORD])
        # A region stands level with the word that names it; the others keep the order of their boxes, from top to bottom, in the gaps.
        centre = {v: (model.boxes[v][1] + model.boxes[v][3]) / 2 / model.size[1] for v in model.regions} if model.size else {}
        reach = min(self.bottom - top, max(3.4, 0.34 * len(model.regions)))  # no further down than needed, so beside the image
        wanted = {v: self.word_y.get(partner.get(v, -1), top + centre[v] * reach) for v in model.regions}
        ordered = sorted(model.regions, key=lambda v: (wanted[v], v))
        places = spread([wanted[v] for v in ordered], 0.34, top, self.bottom)
        self.visual_y = dict(zip(ordered, places, strict=True))
        self.visual_pitch = min((b - a for a, b in zip(places, places[1:], strict=False)), default=0.36)
        self.word_pitch = pitch or 0.36
        self.bridge_y = self._bridge_places(top)

        self.chips: dict[tuple[str, int], Chip] = {(schema.VISUAL, v): (*_VISUAL, y) for v, y in self.visual_y.items()}
        self.chips |= {(schema.WORD, w): (*_WORD, y) for w, y in self.word_y.items()}
        for b, y in self.bridge_y.items():
            self.chips[schema.BRIDGE, b] = (*(_IN_IMAGE if model.lives_in[b] == schema.IN_IMAGE else _IN_SENTENCE), y)
        lowest = max([top, *(y for _, _, y in self.chips.values())])
        for column, nodes in self._below().items():
            self.chips |= {node: (*column, lowest + 0.4 + 0.3 * i) for i, node in enumerate(nodes)}

    def _bridge_places(self, top: float) -> dict[int, float]:
        """A copy stands beside the counterpart of its owner: a little above it among the regions, a little below it among the words."""
        model, places = self.model, {}
        for side, relation, match_relation, home, nudge in (
            (schema.IN_IMAGE, schema.WORD_COPIED_TO, schema.WORD_SAME_AS_VISUAL, self.visual_y, -0.15),
            (schema.IN_SENTENCE, schema.VISUAL_COPIED_TO, schema.VISUAL_SAME_AS_WORD, self.word_y, 0.15),
        ):
            owner = {b: source for source, b in model.edges[relation]}
            match = dict(model.edges[match_relation])
            near = {b: home.get(match.get(owner[b], -1), top) + nudge for b in model.bridges if model.lives_in[b] == side}
            ordered = sorted(near, key=lambda b: (near[b], b))
            places |= zip(ordered, spread([near[b] for b in ordered], 0.26, top - 0.15, self.bottom + 0.1), strict=True)
        return places

    # ------------------------------------------------------------------------------------------ painting

    def paint(self) -> Drawing:
        self._lay_out()
        for line, text in enumerate(self.title):
            self.sheet.text(0.15, 0.22 + 0.23 * line, text, size=10.5, style="italic")
        self._titles()
        self._image()
        self._legend()
        self._listed()
        self._curves()
        self._arcs()
        self._said()
        self._chains()
        self._nodes()
        return self.sheet.figure

    def _titles(self) -> None:
        y = self.body - 0.2
        regions, words, copies = (schema.node_type(t).plural for t in (schema.VISUAL, schema.WORD, schema.BRIDGE))
        titles = [(_VISUAL, regions), (_WORD, words)]
        if self.model.bridges:
            titles.append(((_IN_IMAGE[0] - 0.2, _IN_IMAGE[1] + 0.02), f"{words}’ {copies}"))
            titles.append(((_IN_SENTENCE[0] - 0.02, _IN_SENTENCE[1] + 0.2), f"{regions}’ {copies}"))
        if self.width > _WIDTH:
            self.sheet.text(_SAID, y, "stated", size=7.4, colour=INK)
        for (left, right), text in titles:
            self.sheet.text((left + right) / 2, y, text, size=7.4, colour=INK, across="center")
        for nodes, column, name in ((self.model.words, _WORD, words), (self.model.regions, _VISUAL, regions)):
            if not nodes:
                self.sheet.text(sum(column) / 2, self.body + 0.12, f"no {name}", size=7.4, colour=GREY, across="center", style="italic")

    def _image(self) -> None:
        model, sheet = self.model, self.sheet
        (left, _), top = _IMAGE, self.body - 0.12
        width, height = self.image_size
        if model.size is None:
            sheet.text(left, top + 0.1, "no image", size=7.4, colour=GREY, style="italic")
            return
        paint_image(sheet, model.image, left, top, width, height)
        k = self.scale
        boxes = {v: model.boxes[v] for v in sorted(model.regions)}
        placed = [(left + x1 * k, top + y1 * k, left + x2 * k, top + y2 * k) for x1, y1, x2, y2 in boxes.values()]
        paint_boxes(
            sheet, placed, [str(v) for v in boxes], (left, top, left + width, top + height),
            strong=[v in self.named for v in boxes], size=7.2 if len(boxes) <= 12 else 6.2,
        )  # fmt: skip

    def _listed(self) -> None:
        """A predicate stands in a row of its own; a line comes from the subject, an arrow goes to the object."""
        ends = sorted(self.model.listed, key=lambda r: (self.visual_y[r[1]] + self.visual_y[r[3]], r[1:]))
        middle = [(self.visual_y[s] + self.visual_y[o]) / 2 for _, s, _, o in ends]
        x, edge = _PREDICATE, _VISUAL[0]
        for (relation, s, text, o), y in zip(ends, spread(middle, 0.2, self.body, self.bottom), strict=True):
            style = relation_style(relation)
            self.sheet.text(x, y, fit(text, 7.2, x - _IMAGE[1] - 0.1), size=7.2, colour=style.colour, across="right")
            bend = (edge - x) * 0.6
            for node, arrow in ((s, "-"), (o, "->")):
                target = self.visual_y[node] + (0.04 if arrow == "-" else -0.04)
                self._stroke([(x + 0.04, y), (x + bend, y), (edge - bend, target), (edge, target)], style, arrow)

    def _curves(self) -> None:
        """Every edge whose relation is drawn as a curve from node to node."""
        for relation, edges in self.model.edges.items():
            row = schema.relation_type(relation)
            if not row.drawn or route(relation) != "curve":
                continue
            chips = [(self.chips.get((relation[0], a)), self.chips.get((relation[2], b))) for a, b in edges]
            ends = [(a, b) for a, b in chips if a is not None and b is not None]
            style = relation_style(relation)
            one_to_one = len({a for a, _ in ends}) == len({b for _, b in ends}) == len(ends)
            if len(ends) > 16 and not one_to_one:  # many lines: each one thinner
                style = replace(style, width=0.7)
            for a, b in ends:
                self._curve(a, b, style, row.arrow)

    def _curve(self, source: Chip, destination: Chip, style: Style, arrow: str) -> None:
        """From one node to another: between the sides that face each other or, within a column, out to the left and back."""
        (left, right, y1), (other_left, other_right, y2) = source, destination
        if right <= other_left or other_right <= left:
            x1, x2 = (right, other_left) if right <= other_left else (left, other_right)
            bend = (x2 - x1) * 0.45
            points = [(x1, y1), (x1 + bend, y1), (x2 - bend, y2), (x2, y2)]
        else:
            out = min(left, other_left) - 0.32
            points = [(left, y1), (out, y1), (out, y2), (other_left, y2)]
        self._stroke(points, style, arrow)

    def _arcs(self) -> None:
        """Arcs bow to the right, wider for words further apart; the arc's label stands right of the word that depends."""
        model = self.model
        rank = {w: i for i, w in enumerate(model.words)}
        spans = [(min(rank[d], rank[h]), max(rank[d], rank[h]), d, h, relation) for relation, d, _, h in model.arcs if d != h]
        arcs = sorted(spans, key=lambda span: (span[1] - span[0], span))
        depth: list[int] = []  # an arc bows further out than every shorter arc that it overlaps
        for low, high, *_ in arcs:
            depth.append(1 + max((level for (a, b, *_), level in zip(arcs, depth, strict=False) if a < high and low < b), default=0))
        start, end = _ARC
        for (_, _, d, h, relation), level in zip(arcs, depth, strict=True):
            reach = start + (end - start) * (level / max(depth)) ** 0.8 * 4 / 3  # a cubic's apex lies at 3/4 of its handles
            reach = min(reach, start + 0.28 * 4 / 3 * level)
            a, b = self.word_y[d] + 0.03, self.word_y[h] - 0.03
            self._stroke([(start, a), (reach, a), (reach, b), (start, b)], relation_style(relation), "->")
        labels: dict[int, list[str]] = {}
        for _, d, arc, _ in model.arcs:
            labels.setdefault(d, []).append(arc)
        for d, names in labels.items():
            shown = fit("/".join(names), _SMALL, start - _ARC_LABEL - 0.03)
            self.sheet.text(_ARC_LABEL, self.word_y[d], shown, size=_SMALL, colour=_SAID_INK)

    def _said(self) -> None:
        """What the sentence states, right of the arcs: the attributes of a thing, and its relations, with an arrow to the other thing."""
        model = self.model
        rows = [(self.word_y[w] - 0.01, w, f"is {model.said_of[w].replace('; ', ', ')}", None, schema.WORD_RELATES) for w in self.described]
        rows += [((self.word_y[a] + self.word_y[b]) / 2, a, text, b, relation) for relation, a, text, b in model.said]
        rows.sort(key=lambda row: row[:2])
        start, x = _ARC[0], _SAID
        bend = (x - start) * 0.5
        for (_, subject, text, thing, relation), y in zip(rows, spread([r[0] for r in rows], 0.2, self.body, self.bottom), strict=True):
            style = relation_style(relation)
            self.sheet.text(x, y, fit(text, 7.2, self.width - x - 0.1), size=7.2, colour=_SAID_INK)
            for word, arrow in ((subject, "-"), (thing, "->")):
                if word is not None:
                    target = self.word_y[word] + (0.05 if arrow == "-" else -0.05)
                    self._stroke([(x - 0.05, y), (x - bend, y), (start + bend, target), (start, target)], style, arrow)

    def _chains(self) -> None:
        """A short stroke from a word to its neighbour in the column."""
        for relation, edges in self.model.edges.items():
            if route(relation) != "chain":
                continue
            style = relation_style(relation)
            for a, b in edges:
                if a in self.word_y and b in self.word_y:
                    x, half = _WORD[0] + 0.12, min(0.24, self.word_pitch * 0.78) / 2
                    down = 1 if self.word_y[b] > self.word_y[a] else -1
                    ends = [(x, self.word_y[a] + down * half), (x, self.word_y[b] - down * half)]
                    self._stroke(ends, style, "-" if self.word_pitch < 0.28 else "->")

    def _nodes(self) -> None:
        """Regions are filled where the sentence names them, words where the image shows what they name; other nodes always."""
        model = self.model
        heights = {schema.VISUAL: min(0.24, self.visual_pitch * 0.86), schema.WORD: min(0.24, self.word_pitch * 0.8)}
        for (node_type, n), chip in self.chips.items():
            text, strong, rim = model.names[node_type][n], True, 0.9
            if node_type == schema.VISUAL:
                text, strong = self._region_text(n), n in self.named
            elif node_type == schema.WORD:
                strong, rim = n in self.seen, 1.9 if model.is_object[n] else 0.9
            self._chip(node_type, chip, heights.get(node_type, 0.21), text, strong=strong, rim=rim)

    def _region_text(self, v: int) -> str:
        """Number, attributes and name; where that is too wide the name comes first, because it matters more than its attributes."""
        name = self.model.names[schema.VISUAL][v]
        attributes = self.model.attributes[v].replace("; ", " ") if self.model.attributes else ""
        text = f"{v}  {attributes} {name}".replace("   ", "  ")
        if text_size(text, 7.6)[0] > _VISUAL[1] - _VISUAL[0] - 0.1:
            text = f"{v}  {name}" + (f" ({attributes})" if attributes else "")
        return text

    # ------------------------------------------------------------------------------------------ legend

    def _node_legend(self) -> list[tuple[str, str]]:
        """(node type, text) of every type that the graph carries."""
        return [(t, f"{schema.node_type(t).noun}: {count}") for t, count in self.model.counts.items()]

    def _relation_legend(self) -> list[tuple[Style, int]]:
        """(style, number of edges) of every entry of the legend that occurs; relations that share an entry are counted together."""
        styles: dict[str, Style] = {}
        counts: dict[str, int] = {}
        for relation, edges in self.model.edges.items():
            style = relation_style(relation)
            styles.setdefault(style.name, style)
            counts[style.name] = counts.get(style.name, 0) + len(edges)
        return [(styles[name], count) for name, count in counts.items() if count]

    def _legend_rows(self) -> int:
        return max(len(self.legend[0]) + 2, len(self.legend[1]))

    def _legend(self) -> None:
        sheet, (left, _) = self.sheet, _IMAGE
        y = self.body - 0.12 + max(self.image_size[1] if self.model.size else 0.25, 0.25) + 0.2
        sheet.text(left, y, "nodes", size=7.4, weight="bold")
        sheet.text(left + 1.42, y, "relations (edges)", size=7.4, weight="bold")
        for row, (node_type, text) in enumerate(self.legend[0], 1):
            sheet.chip(left, y + 0.19 * row, 0.56, 0.155, node_type, fill=node_colour(node_type), ink=node_ink(node_type), size=_SMALL)
            sheet.text(left + 0.63, y + 0.19 * row, fit(text, _SMALL, 0.76), size=_SMALL)
        for row, text in enumerate(("filled: on both sides", "thick rim: an object word"), len(self.legend[0]) + 1):
            sheet.text(left, y + 0.19 * row, text, size=_SMALL)
        for row, (style, count) in enumerate(self.legend[1], 1):
            self._stroke([(left + 1.42, y + 0.19 * row), (left + 1.72, y + 0.19 * row)], style, "-")
            sheet.text(left + 1.79, y + 0.19 * row, f"{style.name}: {count}", size=_SMALL)
        y += 0.19 * (self._legend_rows() + 1)
        for row, note in enumerate(self.model.notes):
            sheet.text(left, y + 0.15 * row, fit(f"drawn: {note}", _SMALL, 3.1), size=_SMALL, colour="#555555")

    # ------------------------------------------------------------------------------------------ strokes

    def _chip(self, node_type: str, chip: Chip, height: float, text: str, *, strong: bool, rim: float) -> None:
        left, right, y = chip
        colour = node_colour(node_type)
        look = {"fill": colour, "ink": node_ink(node_type)} if strong else {"fill": _tint(colour), "ink": INK, "edge": colour, "line": rim}
        self.sheet.chip(left, y, right - left, height, text, size=7.6 if height > 0.18 else _SMALL, **look)

    def _stroke(self, points: list, style: Style, arrow: str) -> None:
        self.sheet.curve(points, colour=style.colour, width=style.width, dash=style.dash, arrow=arrow)


def _tint(colour: str, strength: float = 0.22) -> str:
    """The colour mixed with white, for a node that has no counterpart on the other side."""
    from matplotlib.colors import to_hex, to_rgb

    return to_hex([1 - strength * (1 - part) for part in to_rgb(colour)])
