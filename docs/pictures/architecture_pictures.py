"""The drawing of the architecture: how a gradient becomes a step, from the top down."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from registry import picture
from style import BARE, CONTOUR, DPI, INK, SENTENCE_SIZE, SIZE, THIRD, WRAPPED, lines, measured

GRADIENT, STEP, WEIGHT = WRAPPED, BARE, THIRD
KERAS, OUTER, INNER, OPTIMIZER = "#f2f2f2", "#f0f4f8", "#dfe8f0", "#fdeadb"
WHITE, FILE = "#ffffff", "#666666"

# In points. A drawing as narrow as this is shown in its own size on a desktop, and hardly smaller
# on the screen of a phone.
WIDTH, EDGE = 330, 8
PADDING = 8  # between a frame and what is in it
LINE = 14  # from one line to the next
ARROW = 24  # its length
GAP = 7  # between neighbours without an arrow
DISC = 6.5  # the radius of a number's
ROUND = 4  # the radius of a corner

PLAIN = FontProperties(size=SIZE)
BOLD = FontProperties(size=SIZE, weight="bold")
CODE = FontProperties(family="monospace", size=SIZE - 0.5)
NOTE = FontProperties(family="monospace", size=SIZE - 1.5)
HEADLINE = FontProperties(size=SENTENCE_SIZE, weight="bold")


@picture("architecture/way_of_a_gradient")
def way_of_a_gradient() -> Figure:
    """Return a drawing of one step, with the numbers of the list on its page."""
    drawing = Drawing(
        "How a gradient becomes a step: gradients pass the wrappers from the outside in, the "
        "optimizer makes steps of them, and steps go from the inside out to the weights."
    )
    drawing.box(KERAS, "`fit`", "The train step of Keras has the loss of a batch.")
    drawing.arrow(INK, "`scale_loss(loss)`", number=1)
    drawing.box(KERAS, "`fit`", "Every wrapper has kept the loss. Keras takes", "the gradients.")
    drawing.arrow(GRADIENT, "`apply(gradients, variables)`")
    with drawing.frame(KERAS, "The entry", "core/entry.py", number=2):
        drawing.say("Gradients are checked, made dense, and summed")
        drawing.say("over replicas. XLA compiles the update where that")
        drawing.say("pays. All of this is done once for the whole stack.")
    drawing.arrow(GRADIENT, "gradients g")
    with drawing.frame(OUTER, "The outermost wrapper", "core/step.py", number=3):
        drawing.hook(WEIGHT, "before_step", "reads or changes w")
        drawing.hook(GRADIENT, "transform_gradients", "changes g")
        drawing.hook(INK, "apply_inner", "goes on, or makes no step")
        drawing.arrow(GRADIENT, "gradients g")
        with drawing.frame(INNER, "The next wrapper", "core/step.py", number=3):
            drawing.hook(WEIGHT, "before_step", "reads or changes w")
            drawing.hook(GRADIENT, "transform_gradients", "changes g")
            drawing.arrow(GRADIENT, "gradients g")
            with drawing.frame(WHITE, "`take_steps`", "core/capture.py", number=4):
                drawing.box(OPTIMIZER, "The optimizer inside, such as Adam", "proposes a step p.")
                drawing.arrow(STEP, "steps p, caught before they are written")
                drawing.hook(STEP, "transform_steps", "changes p")
            drawing.arrow(STEP, "steps p")
            drawing.box(WHITE, "The write", "w ← w + p, and then the constraints", edge=WEIGHT)
            drawing.arrow(WEIGHT, "weights w")
            drawing.hook(WEIGHT, "after_step", "reads or changes w", number=5)
        drawing.arrow(WEIGHT, "weights w")
        drawing.hook(WEIGHT, "after_step", "reads or changes w", number=5)
    drawing.arrow(WEIGHT, "weights w")
    drawing.box(
        KERAS,
        "`fit`",
        "The next batch follows. At the end of training,",
        "averages become the weights.",
    )
    return drawing.finished()


class Drawing:
    """Draws one thing below the other, in points from the upper left corner.

    Every height follows from what is there: a line more needs no other change. Text in single
    backticks is set as code.

    Args:
        sentence: Says what is to be seen.
    """

    def __init__(self, sentence: str) -> None:
        self.figure = Figure(figsize=(WIDTH / 72, 1), dpi=DPI)
        FigureCanvasAgg(self.figure)
        self.figure.set_facecolor("white")
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.left, self.right = float(EDGE), float(WIDTH - EDGE)
        self.headline = lines(sentence.split(" "), " ", self.right - self.left, HEADLINE)
        self.y = 2 * EDGE + 1.2 * SENTENCE_SIZE * (self.headline.count("\n") + 1)
        self.layer = 1

    def finished(self) -> Figure:
        """Return the figure, as high as what is in it."""
        height = self.y + EDGE
        self.axes.set_xlim(0, WIDTH)
        self.axes.set_ylim(height, 0)
        self.figure.set_figheight(height / 72)
        place = {"x": EDGE / WIDTH, "y": 1 - EDGE / height, "ha": "left", "va": "top"}
        self.figure.suptitle(self.headline, color=INK, fontproperties=HEADLINE, **place)
        return self.figure

    # What stands below one another.

    def box(self, fill: str, title: str, *sentences: str, edge: str = CONTOUR) -> None:
        """Draw a box with a title and lines of text."""
        with self.frame(fill, title, edge=edge):
            for sentence in sentences:
                self.say(sentence)

    @contextlib.contextmanager
    def frame(
        self, fill: str, title: str, file: str = "", number: int = 0, edge: str = CONTOUR
    ) -> Iterator[None]:
        """Draw a frame with a title around what is drawn inside of the context."""
        self.y += GAP
        top, left, right = self.y, self.left, self.right
        self.layer += 1
        layer = self.layer
        self.left, self.right = left + PADDING, right - PADDING
        self.y += PADDING / 2
        self.say(title, BOLD, file, number)
        yield
        self.y += PADDING
        self.left, self.right = left, right
        self._rectangle(top, self.y, fill, edge, layer)

    def hook(self, color: str, name: str, does: str, number: int = 0) -> None:
        """Draw a hook: a bar in the colour of what it sees, with what it does."""
        self.y += GAP
        top = self.y
        self.layer += 1
        self.left, self.right = self.left + PADDING, self.right - PADDING
        self.y += 3
        self.say(f"`{name}`", number=number, color=color)
        self.y -= LINE
        self._write(self.right - self._width(does, PLAIN), does, PLAIN, INK)
        self.y += LINE + 5
        self.left, self.right = self.left - PADDING, self.right + PADDING
        self._rectangle(top, self.y, WHITE, color, self.layer)

    def arrow(self, color: str, label: str, number: int = 0) -> None:
        """Draw an arrow down to what comes next, with what it carries."""
        x = self.left + 14
        ends = (x, self.y), (x, self.y + ARROW)
        look = {"arrowstyle": "-|>", "mutation_scale": 11, "shrinkA": 0, "shrinkB": 0}
        self.axes.add_patch(FancyArrowPatch(*ends, color=color, linewidth=2, zorder=1000, **look))
        self.y += (ARROW - LINE) / 2 - 1
        self.left += 26
        self.say(label, color=color, number=number)
        self.left -= 26
        self.y += (ARROW - LINE) / 2 + 1 - GAP  # what comes next leaves a gap by itself

    def say(
        self,
        text: str,
        font: FontProperties = PLAIN,
        file: str = "",
        number: int = 0,
        color: str = INK,
    ) -> None:
        """Write a line, a number before it and the name of a file at its end, if there is one."""
        x = self.left
        if number:
            self._disc(x + DISC, number)
            x += 2 * DISC + 5
        self._write(x, text, font, color)
        if file:
            self._write(self.right - self._width(file, NOTE), file, NOTE, FILE)
        self.y += LINE

    # Marks on the paper.

    def _rectangle(self, top: float, bottom: float, fill: str, edge: str, layer: int) -> None:
        shape = f"round,pad=0,rounding_size={ROUND}"
        size = self.right - self.left, bottom - top
        look = {"facecolor": fill, "edgecolor": edge, "linewidth": 1.1}
        box = FancyBboxPatch((self.left, top), *size, boxstyle=shape, zorder=layer, **look)
        self.axes.add_patch(box)

    def _disc(self, x: float, number: int) -> None:
        middle = x, self.y + LINE / 2
        self.axes.add_patch(Circle(middle, DISC, color=INK, zorder=1001))
        look = {"ha": "center", "va": "center_baseline", "fontsize": SIZE - 1, "zorder": 1002}
        self.axes.text(*middle, str(number), color=WHITE, fontweight="bold", **look)

    def _write(self, x: float, text: str, font: FontProperties, color: str) -> None:
        baseline = self.y + LINE / 2 + 0.36 * SIZE
        for words, one in self._parts(text, font):
            self.axes.text(x, baseline, words, color=color, fontproperties=one, zorder=1001)
            x += measured(words, one)

    def _width(self, text: str, font: FontProperties) -> float:
        return sum(measured(words, one) for words, one in self._parts(text, font))

    @staticmethod
    def _parts(text: str, font: FontProperties) -> Iterator[tuple[str, FontProperties]]:
        """Yield the parts of a text with the font of each: what is in backticks is code."""
        for place, words in enumerate(text.split("`")):
            if words:
                yield words, CODE if place % 2 else font
