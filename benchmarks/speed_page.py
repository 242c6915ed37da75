"""docs/speed.md, a section for each benchmark that keeps its table there."""
import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs/speed.md"


def sections():
    """Heading -> what stands below it."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    return {title: body.strip() for title, body in re.findall(r"^## (.+)\n(.*?)(?=^## |\Z)", text, re.M | re.S)}


def save(title, body):
    """Put `body` below a heading, in the place of what stood there."""
    whole = sections() | {title: body.strip()}
    PAGE.write_text("\n\n".join(["# Speed", *(f"## {name}\n\n{text}" for name, text in whole.items())]) + "\n", encoding="utf-8")


def table(columns, rows, words):
    """Markdown; all but the first `words` columns are numbers."""
    line = "| --- " * words + "| ---: " * (len(columns) - words) + "|"
    return "\n".join(["| " + " | ".join(columns) + " |", line, *("| " + " | ".join(word.replace("|", "∣") for word in row) + " |" for row in rows)])
