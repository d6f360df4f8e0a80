"""``hx.draw``: one heterograph as one figure.

From left to right: the image with its boxes; the scene relations; the regions; the bridges; the words; the arcs of the sentence.
Regions and words are two columns of nodes, so that both sides read the same way and the bridges stand between them.
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
from .drawing_model import Plan, read_plan
from .image_panel import paint_boxes, paint_image

if TYPE_CHECKING:
    import dgl

# The columns, in inches, for a sheet 10.8 inches wide.
_WIDTH = 10.8
_IMAGE = (0.15, 3.15)  # left edge, right edge
_PREDICATE = 4.10  # right edge of the predicates
_VISUAL = (4.66, 6.06)
_IN_IMAGE = (6.30, 7.12)
_IN_SENTENCE = (7.28, 8.10)
_LABEL = (6.64, 7.76)
_WORD = (8.34, 9.22)
_ARC_LABEL = 9.27
_ARC = (9.84, 10.66)
_TOP = 0.46  # room for the column titles
_SMALL = 6.8


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
    image : PIL image, path or uint8 array, of the size that the graph's boxes are measured in. Without it the boxes are
        drawn on a blank canvas of that size.
    sentence : the sentence as written, for the title; without it the words of the graph are shown.
    max_regions, max_words, max_relations : how many are drawn; where there are more, the figure says so.

    Returns
    -------
    matplotlib.figure.Figure
        About 10 inches wide; ``figure.savefig("graph.png", dpi=150)`` writes it. No pyplot state is touched.

    Raises
    ------
    InputError : the graph is a batch or breaks the schema, or the image is unreadable or not the size the boxes were measured in.

    >>> import hetero_xmodal as hx
    >>> figure = hx.draw(hx.build_graph(hx.SceneGraph(), hx.parse_sentence("a red bird on a tree")))
    >>> float(figure.get_size_inches()[0])
    10.8
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
    plan = read_plan(graph, image, max_regions, max_words, max_relations)
    return _Figure(plan, sentence).paint()


class _Figure:
    """Lays the plan out on a sheet. Every text has a place of its own: a row in a column, or a spot found by :func:`place`."""

    def __init__(self, plan: Plan, sentence: str | None) -> None:
        self.plan = plan
        self.named = {v for v, _ in plan.edges[schema.VISUAL_SAME_AS_WORD]}
        self.seen = {w for w, _ in plan.edges[schema.WORD_SAME_AS_VISUAL]}
        words = " ".join(plan.names[schema.WORD][w] for w in plan.words) + (" …" if len(plan.words) < plan.counts[schema.WORD] else "")
        title = " ".join((words if sentence is None else sentence).split())
        self.title = wrap(f"“{title}”", 10.5, _WIDTH - 0.4, lines=2, style="italic") if title else []
        self.body = 0.14 + 0.23 * len(self.title) + _TOP  # y of the first row
        left, right = _IMAGE
        width, height = plan.size or (4, 3)
        scale = min((right - left) / width, 3.6 / height)
        self.scale, self.image_size = scale, (width * scale, height * scale)
        self.legend = [*self._node_legend()], [*self._relation_legend()]
        legend_height = 0.19 * (self._legend_rows() + 1) + 0.15 * len(plan.notes) + 0.3
        copies = [sum(1 for b in plan.bridges if plan.lives_in[b] == side) for side in (schema.IN_IMAGE, schema.IN_SENTENCE)]
        columns = [len(nodes) * (0.31 if len(nodes) <= 18 else 0.25) for nodes in (plan.words, plan.regions)]
        rows = max(*columns, 0.3 * max(copies), 0.2 * len(plan.relates))
        label_rows = 0.3 * len(plan.labels) + (0.25 if plan.labels else 0)  # labels stand in the middle, under everything else
        self.height = max(self.body - 0.12 + max(self.image_size[1], 0.5) + legend_height, self.body + rows + label_rows + 0.2)
        self.sheet = Sheet(_WIDTH, self.height)
        self.bottom = self.height - 0.2 - label_rows

    # ------------------------------------------------------------------------------------------ places

    def _lay_out(self) -> None:
        plan, top = self.plan, self.body + 0.12
        pitch = min(0.36, (self.bottom - top) / max(len(plan.words) - 1, 1)) if plan.words else 0
        self.word_y = {w: top + i * pitch for i, w in enumerate(plan.words)}
        partner = dict(plan.edges[schema.VISUAL_SAME_AS_WORD])
        # A region stands level with the word that names it; the others keep the order of their boxes, from top to bottom, in the gaps.
        centre = {v: (plan.boxes[v][1] + plan.boxes[v][3]) / 2 / plan.size[1] for v in plan.regions}
        reach = min(self.bottom - top, max(3.4, 0.34 * len(plan.regions)))  # no further down than needed, so beside the image
        wanted = {v: self.word_y.get(partner.get(v), top + centre[v] * reach) for v in plan.regions}
        ordered = sorted(plan.regions, key=lambda v: (wanted[v], v))
        places = spread([wanted[v] for v in ordered], 0.34, top, self.bottom)
        self.visual_y = dict(zip(ordered, places, strict=True))
        self.visual_pitch = min((b - a for a, b in zip(places, places[1:], strict=False)), default=0.36)
        self.word_pitch = pitch or 0.36

        self.bridge_y: dict[int, float] = {}
        for side, relation, home, nudge in (
            (schema.IN_IMAGE, schema.WORD_COPIED_TO, self.visual_y, -0.15),
            (schema.IN_SENTENCE, schema.VISUAL_COPIED_TO, self.word_y, 0.15),
        ):
            owner = {b: source for source, b in plan.edges[relation]}
            match = dict(plan.edges[schema.WORD_SAME_AS_VISUAL if side == schema.IN_IMAGE else schema.VISUAL_SAME_AS_WORD])
            mine = [b for b in plan.bridges if plan.lives_in[b] == side]
            near = {b: home.get(match.get(owner[b]), top) + nudge for b in mine}
            mine.sort(key=lambda b: (near[b], b))
            self.bridge_y |= zip(mine, spread([near[b] for b in mine], 0.26, top - 0.15, self.bottom + 0.1), strict=True)
        lowest = max([top, *self.word_y.values(), *self.visual_y.values(), *self.bridge_y.values()])
        self.label_y = {n: lowest + 0.4 + 0.3 * i for i, n in enumerate(plan.labels)}

    # ------------------------------------------------------------------------------------------ painting

    def paint(self) -> Drawing:
        self._lay_out()
        for line, text in enumerate(self.title):
            self.sheet.text(0.15, 0.22 + 0.23 * line, text, size=10.5, style="italic")
        self._titles()
        self._image()
        self._legend()
        self._relates()
        self._middle()
        self._sentence()
        self._nodes()
        return self.sheet.figure

    def _titles(self) -> None:
        y = self.body - 0.2
        for (left, right), text in (
            (_VISUAL, "regions"), (_WORD, "words"), ((_IN_IMAGE[0] - 0.2, _IN_IMAGE[1] + 0.02), "words’ copies"),
            ((_IN_SENTENCE[0] - 0.02, _IN_SENTENCE[1] + 0.2), "regions’ copies"),
        ):  # fmt: skip
            if "copies" not in text or self.plan.bridges:
                self.sheet.text((left + right) / 2, y, text, size=7.4, colour=INK, across="center")
        if not self.plan.words:
            self.sheet.text(sum(_WORD) / 2, self.body + 0.12, "no words", size=7.4, colour=GREY, across="center", style="italic")
        if not self.plan.regions:
            self.sheet.text(sum(_VISUAL) / 2, self.body + 0.12, "no regions", size=7.4, colour=GREY, across="center", style="italic")

    def _image(self) -> None:
        plan, sheet = self.plan, self.sheet
        (left, _), top = _IMAGE, self.body - 0.12
        width, height = self.image_size
        if plan.size is None:
            sheet.text(left, top + 0.1, "no image", size=7.4, colour=GREY, style="italic")
            return
        paint_image(sheet, plan.image, left, top, width, height)
        k = self.scale
        boxes = {v: plan.boxes[v] for v in sorted(plan.regions)}
        placed = [(left + x1 * k, top + y1 * k, left + x2 * k, top + y2 * k) for x1, y1, x2, y2 in boxes.values()]
        paint_boxes(
            sheet, placed, [str(v) for v in boxes], (left, top, left + width, top + height),
            strong=[v in self.named for v in boxes], size=7.2 if len(boxes) <= 12 else 6.2,
        )  # fmt: skip

    def _relates(self) -> None:
        """A predicate stands in a row of its own; a line comes from the subject, an arrow goes to the object."""
        plan, style = self.plan, relation_style("relates")
        ends = sorted(plan.relates, key=lambda r: (self.visual_y[r[0]] + self.visual_y[r[2]], r))
        middle = [(self.visual_y[s] + self.visual_y[o]) / 2 for s, _, o in ends]
        x, edge = _PREDICATE, _VISUAL[0]
        for (s, predicate, o), y in zip(ends, spread(middle, 0.2, self.body, self.bottom), strict=True):
            self.sheet.text(x, y, fit(predicate, 7.2, x - _IMAGE[1] - 0.1), size=7.2, colour=style.colour, across="right")
            bend = (edge - x) * 0.6
            for node, arrow in ((s, "-"), (o, "->")):
                target = self.visual_y[node] + (0.04 if arrow == "-" else -0.04)
                self._stroke([(x + 0.04, y), (x + bend, y), (edge - bend, target), (edge, target)], style, arrow)

    def _middle(self) -> None:
        """same_as straight across; copies and their way back; what a copy stands beside; labels."""
        plan = self.plan
        same, copied, beside, has = (relation_style(n) for n in ("same_as", "copied_to", "beside", "has"))
        for v, w in plan.edges[schema.VISUAL_SAME_AS_WORD]:
            if v in self.visual_y and w in self.word_y:
                self._across(_VISUAL[1], self.visual_y[v], _WORD[0], self.word_y[w], same, "<->")
        for relation, x_owner, y_owner, x_copy in (
            (schema.WORD_COPIED_TO, _WORD[0], self.word_y, _IN_IMAGE[1]),
            (schema.VISUAL_COPIED_TO, _VISUAL[1], self.visual_y, _IN_SENTENCE[0]),
        ):
            for source, b in plan.edges[relation]:
                if b in self.bridge_y:
                    self._across(x_owner, y_owner[source], x_copy, self.bridge_y[b], copied, "<->")
        for relation, x_other, y_other, x_copy in (
            (schema.BRIDGE_BESIDE_VISUAL, _VISUAL[1], self.visual_y, _IN_IMAGE[0]),
            (schema.BRIDGE_BESIDE_WORD, _WORD[0], self.word_y, _IN_SENTENCE[1]),
        ):
            ends = [(b, other) for b, other in plan.edges[relation] if b in self.bridge_y and other in y_other]
            faint = beside if len(ends) <= 16 else replace(beside, width=0.7)  # many lines: each one thinner
            for b, other in ends:
                self._across(x_copy, self.bridge_y[b], x_other, y_other[other], faint, "-")
        for relation, x_side, y_side, x_label in (
            (schema.VISUAL_HAS_LABEL, _VISUAL[1], self.visual_y, _LABEL[0]),
            (schema.WORD_HAS_LABEL, _WORD[0], self.word_y, _LABEL[1]),
        ):
            for source, label in plan.edges[relation]:
                if source in y_side and label in self.label_y:
                    self._across(x_side, y_side[source], x_label, self.label_y[label], has, "->")

    def _sentence(self) -> None:
        """Arcs bow to the right, wider for words further apart; the arc's label stands right of the word that depends."""
        plan, style = self.plan, relation_style("depends")
        rank = {w: i for i, w in enumerate(plan.words)}
        spans = [(min(rank[d], rank[h]), max(rank[d], rank[h]), d, h) for d, _, h in plan.arcs if d != h]
        arcs = sorted(spans, key=lambda span: (span[1] - span[0], span))
        depth: list[int] = []  # an arc bows further out than every shorter arc that it overlaps
        for low, high, *_ in arcs:
            depth.append(1 + max((level for (a, b, *_), level in zip(arcs, depth, strict=False) if a < high and low < b), default=0))
        start, end = _ARC
        for (_, _, d, h), level in zip(arcs, depth, strict=True):
            reach = start + (end - start) * (level / max(depth)) ** 0.8 * 4 / 3  # a cubic's apex lies at 3/4 of its handles
            reach = min(reach, start + 0.28 * 4 / 3 * level)
            a, b = self.word_y[d] + 0.03, self.word_y[h] - 0.03
            self._stroke([(start, a), (reach, a), (reach, b), (start, b)], style, "->")
        labels: dict[int, list[str]] = {}
        for d, arc, _ in plan.arcs:
            labels.setdefault(d, []).append(arc)
        for d, names in labels.items():
            shown = fit("/".join(names), _SMALL, start - _ARC_LABEL - 0.03)
            self.sheet.text(_ARC_LABEL, self.word_y[d], shown, size=_SMALL, colour="#7A5300")
        follows = relation_style("follows")
        for a, b in plan.edges[schema.FOLLOWS]:
            if a in rank and b in rank:
                x, half = _WORD[0] + 0.12, min(0.24, self.word_pitch * 0.78) / 2
                down = 1 if self.word_y[b] > self.word_y[a] else -1
                ends = [(x, self.word_y[a] + down * half), (x, self.word_y[b] - down * half)]
                self._stroke(ends, follows, "-" if self.word_pitch < 0.28 else "->")

    def _nodes(self) -> None:
        plan = self.plan
        tall = min(0.24, self.visual_pitch * 0.86)
        for v, y in self.visual_y.items():
            attributes = plan.attributes[v].replace("; ", " ") if plan.attributes else ""
            text = f"{v}  {attributes} {plan.names[schema.VISUAL][v]}".replace("   ", "  ")
            if text_size(text, 7.6)[0] > _VISUAL[1] - _VISUAL[0] - 0.1:  # the name matters more than what is said about it
                text = f"{v}  {plan.names[schema.VISUAL][v]}" + (f" ({attributes})" if attributes else "")
            self._chip(schema.VISUAL, _VISUAL, y, tall, text, strong=v in self.named)
        tall = min(0.24, self.word_pitch * 0.8)
        for w, y in self.word_y.items():
            rim = 1.9 if plan.is_object[w] else 0.9
            self._chip(schema.WORD, _WORD, y, tall, plan.names[schema.WORD][w], strong=w in self.seen, rim=rim)
        for b, y in self.bridge_y.items():
            column = _IN_IMAGE if plan.lives_in[b] == schema.IN_IMAGE else _IN_SENTENCE
            self._chip(schema.BRIDGE, column, y, 0.21, plan.names[schema.BRIDGE][b])
        for n, y in self.label_y.items():
            self._chip(schema.LABEL, _LABEL, y, 0.21, plan.names[schema.LABEL][n])

    # ------------------------------------------------------------------------------------------ legend

    def _node_legend(self):
        meaning = {schema.VISUAL: "region", schema.WORD: "word", schema.BRIDGE: "copy", schema.LABEL: "category"}
        for node_type, word in meaning.items():
            yield node_type, f"{word}: {self.plan.counts[node_type]}"

    def _relation_legend(self):
        for name in ("relates", "depends", "follows", "same_as", "copied_to", "beside", "has"):
            count = self.plan.counts[name] + (self.plan.counts["returns_to"] if name == "copied_to" else 0)
            if count:
                yield relation_style(name), count

    def _legend_rows(self) -> int:
        return max(len(self.legend[0]) + 2, len(self.legend[1]))

    def _legend(self) -> None:
        sheet, (left, _) = self.sheet, _IMAGE
        y = self.body - 0.12 + max(self.image_size[1] if self.plan.size else 0.25, 0.25) + 0.2
        sheet.text(left, y, "nodes", size=7.4, weight="bold")
        sheet.text(left + 1.42, y, "relations (edges)", size=7.4, weight="bold")
        for row, (node_type, text) in enumerate(self.legend[0], 1):
            sheet.chip(left, y + 0.19 * row, 0.56, 0.155, node_type, fill=node_colour(node_type), ink=node_ink(node_type), size=_SMALL)
            sheet.text(left + 0.63, y + 0.19 * row, text, size=_SMALL)
        for row, text in enumerate(("filled: on both sides", "thick rim: an object word"), len(self.legend[0]) + 1):
            sheet.text(left, y + 0.19 * row, text, size=_SMALL)
        for row, (style, count) in enumerate(self.legend[1], 1):
            self._stroke([(left + 1.42, y + 0.19 * row), (left + 1.72, y + 0.19 * row)], style, "-")
            sheet.text(left + 1.79, y + 0.19 * row, f"{style.name}: {count}", size=_SMALL)
        y += 0.19 * (self._legend_rows() + 1)
        for row, note in enumerate(self.plan.notes):
            sheet.text(left, y + 0.15 * row, fit(f"drawn: {note}", _SMALL, 3.1), size=_SMALL, colour="#555555")

    # ------------------------------------------------------------------------------------------ strokes

    def _chip(
        self, node_type: str, column: tuple[float, float], y: float, height: float, text: str, *, strong: bool = True, rim: float = 0.9
    ) -> None:
        left, right = column
        colour = node_colour(node_type)
        look = {"fill": colour, "ink": node_ink(node_type)} if strong else {"fill": _tint(colour), "ink": INK, "edge": colour, "line": rim}
        self.sheet.chip(left, y, right - left, height, text, size=7.6 if height > 0.18 else _SMALL, **look)

    def _stroke(self, points: list, style: Style, arrow: str) -> None:
        self.sheet.curve(points, colour=style.colour, width=style.width, dash=style.dash, arrow=arrow)

    def _across(self, x1: float, y1: float, x2: float, y2: float, style: Style, arrow: str) -> None:
        bend = (x2 - x1) * 0.45
        self._stroke([(x1, y1), (x1 + bend, y1), (x2 - bend, y2), (x2, y2)], style, arrow)


def _tint(colour: str, strength: float = 0.22) -> str:
    """The colour mixed with white: a node that is there but plays no part across the sides."""
    from matplotlib.colors import to_hex, to_rgb

    return to_hex([1 - strength * (1 - part) for part in to_rgb(colour)])
