"""Tables for people: as text in a terminal, as HTML in a notebook."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

# It names every colour with its own transparency, so that it fits a light and a dark notebook. The
# class is said twice, since what Jupyter says about the cells of tables is rather specific as well.
_OURS = "table.theus-grid.theus-grid"
STYLE = (
    "<style>.theus-grid{border-collapse:collapse;font-size:13px;margin:4px 0}"
    f"{_OURS} th,{_OURS} td{{text-align:left;vertical-align:top;padding:2px 10px;"
    "border:0;border-bottom:1px solid #8883}"
    f"{_OURS} thead th{{font-weight:600;border-bottom:1px solid #8888}}"
    f"{_OURS} td{{font-family:ui-monospace,monospace;white-space:pre-wrap;word-break:break-word}}"
    ".theus-grid caption{caption-side:top;text-align:left;font-weight:600;padding:2px 10px}"
    ".theus-grid .theus-old{color:#d64550}.theus-grid .theus-new{color:#2e9e56}"
    ".theus-grid .theus-mark{color:#bf7f10;font-weight:600}.theus-grid .theus-dim{opacity:.55}"
    "</style>"
)


@dataclass
class Grid:
    """Rows under a head. A cell's class says how a notebook paints it: old, new, mark or dim.

    Attributes:
        head: the names of the columns.
        rows: their cells, as text.
        title: a line above.
        paint: the class of a column, where it has one.
        nothing: what stands there instead where there is no row.
        below: a line below.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    paint: dict[str, str] = field(default_factory=dict)
    nothing: str = "nothing"
    below: str = ""

    def __str__(self) -> str:
        """The table as text.

        >>> print(Grid(("path", "was"), [("domain_ctx.balance", "100")], title="pay"))
        pay
        path                was
        domain_ctx.balance  100
        """
        if not self.rows:
            lines = [self.nothing]
        else:
            rows = [self.head, *self.rows]
            widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
            lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        return "\n".join(line for line in (self.title, *lines, self.below) if line)

    def html(self) -> str:
        """The table as HTML, everything in it escaped.

        >>> Grid(("a",), [("<b>",)]).html().partition("<tbody>")[2]
        '<tr><td>&lt;b&gt;</td></tr></tbody></table>'
        """
        caption = f"<caption>{escape(self.title)}</caption>" if self.title else ""
        head = "".join(f"<th>{escape(name)}</th>" for name in self.head)
        body = "".join(f"<tr>{''.join(map(self._cell, self.head, row))}</tr>" for row in self.rows)
        if not self.rows:
            body = f'<tr><td colspan="{len(self.head)}">{escape(self.nothing)}</td></tr>'
        below = (
            f'<tfoot><tr><td class="theus-dim" colspan="{len(self.head)}">' if self.below else ""
        )
        foot = f"{below}{escape(self.below)}</td></tr></tfoot>" if below else ""
        table = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>{foot}"
        return f'{STYLE}<table class="theus-grid">{caption}{table}</table>'

    def _cell(self, name: str, text: str) -> str:
        paint = self.paint.get(name)
        start = f'<td class="theus-{paint}">' if paint else "<td>"
        return f"{start}{escape(text)}</td>"


def shorten(value: object, most: int = 48) -> str:
    """The repr of a value in one line, cut where it is long; what has none has its class.

    >>> shorten("x" * 100, 12)
    "'xxxxxxxx..."
    """
    try:
        text = " ".join(repr(value).split())
    except Exception:  # the value is a stranger: its mistakes are not the table's
        text = f"<{type(value).__name__}>"
    return text if len(text) <= most else text[: most - 3] + "..."
