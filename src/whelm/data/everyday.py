"""Everyday words in place of a document's: the gap between how manuals speak and how people ask.

A table of (document's word -> what somebody says who has not read the document), applied word by word, inflection kept
for plurals. Questions made from a folder share its vocabulary; with these substitutes they share less of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["everyday_words"]

_ENGLISH = {
    "directory": "folder", "directories": "folders", "path": "file location", "string": "text", "strings": "texts",
    "remove": "get rid of", "delete": "get rid of", "terminate": "stop", "execute": "run", "invoke": "run", "obtain": "get",
    "retrieve": "get", "construct": "make", "create": "make", "generate": "make", "display": "show", "specify": "say",
    "modify": "change", "alter": "change", "convert": "turn", "transform": "turn", "integer": "whole number",
    "integers": "whole numbers", "floating": "decimal", "sequence": "list", "sequences": "lists", "iterable": "list",
    "mapping": "dictionary", "element": "item", "elements": "items", "argument": "value", "arguments": "values",
    "parameter": "setting", "parameters": "settings", "concatenate": "join", "iterate": "go", "recursively": "with everything inside",
    "ascending": "growing", "descending": "falling", "initial": "first", "initialize": "set up", "configure": "set up",
    "configuration": "settings", "execution": "running", "exception": "error", "exceptions": "errors", "duration": "time",
    "temporary": "throw-away", "permit": "allow", "permitted": "allowed", "prohibited": "forbidden", "require": "need",
    "requires": "needs", "required": "needed", "purchase": "buy", "assist": "help", "assistance": "help", "approximately": "about",
    "sufficient": "enough", "additional": "more", "prior": "before", "subsequent": "later", "commence": "start",
    "utilize": "use", "utilise": "use", "employ": "use", "employees": "staff", "employee": "worker", "vehicle": "car",
    "residence": "home", "compensation": "pay", "beverage": "drink", "physician": "doctor", "verify": "check", "validate": "check",
    "ensure": "make sure", "determine": "find out", "calculate": "work out", "compute": "work out", "evaluate": "work out",
    "compare": "tell apart", "identical": "the same", "equal": "the same", "distinct": "different", "multiple": "several",
    "numerous": "many", "concurrent": "parallel", "concurrently": "at the same time", "simultaneously": "at the same time",
    "asynchronous": "background", "thread": "parallel task", "threads": "parallel tasks", "process": "program", "processes": "programs",
    "repository": "project", "documentation": "docs", "function": "command", "random": "by chance", "shuffle": "mix up",
    "truncate": "cut", "whitespace": "blanks", "character": "letter", "characters": "letters", "substring": "piece of text",
    "occurrence": "place", "occurrences": "places", "maximum": "largest", "minimum": "smallest", "elapsed": "passed",
    "synchronize": "sync", "encounter": "meet", "permission": "right", "permissions": "rights", "authorize": "allow",
    "encode": "turn into bytes", "serialize": "save as text", "deserialize": "load from text", "parse": "read", "emit": "send",
    "transmit": "send", "suspend": "pause", "resume": "go on with", "immutable": "unchangeable", "mutable": "changeable",
    "deprecated": "outdated", "obsolete": "outdated", "fetch": "get", "download": "get", "reside": "live", "deceased": "dead",
}  # fmt: skip
_GERMAN = {
    "Verzeichnis": "Ordner", "Verzeichnisse": "Ordner", "entfernen": "loswerden", "löschen": "loswerden", "erstellen": "anlegen",
    "ausführen": "starten", "konfigurieren": "einstellen", "Konfiguration": "Einstellung", "benötigt": "gebraucht",
    "verwenden": "benutzen", "ermöglicht": "erlaubt", "installieren": "aufspielen", "Anwendung": "Programm", "modifizieren": "ändern",
}  # fmt: skip
_TABLES = {"en": _ENGLISH, "de": _GERMAN}
_WORD = re.compile(r"[^\W\d_]+")


def everyday_words(language: str) -> Callable[[str], str]:
    """A function that says a question in everyday words; it returns the question itself where it knows none."""
    table = _TABLES.get(language, {})

    def replace_word(match: re.Match[str]) -> str:
        return table.get(match[0], match[0])

    return lambda question: _WORD.sub(replace_word, question)
