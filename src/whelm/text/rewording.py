"""A question once more in the words that manuals use: people say folder and glue, documents directory and join.

`reword(question, prefers)` replaces everyday words and phrases by technical ones, where `prefers(technical, everyday)`
says that these documents use the technical word more. It is asked beside the question, never instead of it: a wrong
guess costs little, a right one finds what shares no word with the question. The table is general English, no folder's.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["reword"]

_ENGLISH: dict[str, str] = {
    # files and places
    "folder": "directory", "folders": "directories", "folder name": "directory path", "file ending": "file extension",
    "ending of a file": "extension suffix of a file", "shortcut": "symbolic link", "erase": "delete", "wipe": "delete",
    "get rid of": "remove", "throw away": "discard", "zip up": "archive", "unzip": "extract", "unpack": "extract",
    "zip": "archive", "move to": "rename", "temp": "temporary", "throwaway": "temporary", "look through": "walk",
    "where is": "path of", "home folder": "home directory", "missing ones above": "intermediate parent directories",
    # text
    "text": "string", "texts": "strings", "letters": "characters", "letter": "character", "upper case": "uppercase",
    "lower case": "lowercase", "small letters": "lowercase", "capital letters": "uppercase", "capitals": "uppercase",
    "glue": "join", "stick together": "join concatenate", "put together": "join combine", "break up": "split",
    "break apart": "split", "break a": "split a", "cut up": "split", "cut": "strip remove", "blanks": "whitespace",
    "spaces": "whitespace", "white space": "whitespace", "swap out": "replace", "change part": "replace part",
    "look for": "search", "fill up": "pad", "turn around": "reverse", "backwards": "reversed", "begins with": "starts with",
    "begin with": "start with", "begins": "starts with", "ends in": "ends with", "nicely formatted": "pretty-printed",
    "nicely": "pretty", "tidy": "format", "spelling": "encoding", "accents": "unicode", "line breaks": "newlines",
    # numbers and dates
    "biggest": "largest maximum", "highest": "maximum", "lowest": "minimum", "average": "mean", "middle value": "median",
    "round off": "round", "whole number": "integer", "whole numbers": "integers", "decimal places": "digits precision",
    "power of": "exponent", "divide": "division", "leftover": "remainder", "add up": "sum", "adding up": "sum",
    "at random": "random", "by chance": "random", "day of the week": "weekday", "what day": "weekday", "right now": "current time",
    "today": "current date", "stopwatch": "timer elapsed time", "how long": "elapsed time duration", "how much time": "elapsed time",
    "time zone": "timezone",
    # collections and loops
    "pick": "choose", "mix up": "shuffle", "mix": "shuffle", "in random order": "shuffled", "put in order": "sort",
    "order": "sort", "how often": "count occurrences", "how many times": "count occurrences", "tally": "count",
    "doubles": "duplicates", "repeated": "duplicate", "go through": "iterate over", "loop over": "iterate over",
    "loop through": "iterate over", "step through": "trace debug", "pair up": "zip together", "in pairs": "pairwise",
    "in step": "in parallel zip", "one after another": "chain sequence", "one behind the other": "chained", "items": "elements",
    "item": "element", "things": "items", "lookup table": "mapping dictionary", "orderings": "permutations",
    "every ordering": "permutations", "keep only": "filter", "get the first": "return the first", "last few": "tail",
    "start value": "default value", "waiting line": "queue", "groups": "group by",
    # programs
    "run a program": "execute subprocess command", "another program": "subprocess", "program": "process", "quit": "exit",
    "stop my program": "exit", "stop": "terminate", "wait": "sleep delay", "pause": "sleep", "at the same time": "concurrently",
    "at once": "concurrently", "in the background": "thread asynchronous", "side by side": "parallel", "remembers": "caches",
    "remember": "cache", "mistake": "error exception", "mistakes": "errors exceptions", "goes wrong": "raises an exception",
    "blows up": "raises an exception", "crash": "exception", "complain": "raise", "catch": "handle except", "settings": "configuration",
    "without a name": "anonymous lambda", "nameless": "anonymous", "fill in": "substitute", "beforehand": "partial",
    "make sure": "ensure assert", "try out": "test", "blueprint": "class", "memory address": "identity", "kind of": "type of",
    "what kind": "type", "same": "equal", "copy of everything": "deep copy", "full copy": "deep copy", "typed": "input",
    "types in": "input", "ask the user": "prompt input", "command line options": "arguments parser", "options": "arguments",
    "write down": "log record", "write messages": "log messages", "web page": "url", "download": "retrieve url", "fetch": "retrieve",
    "nobody can guess": "cryptographically strong random", "secret": "secure", "scramble": "hash encrypt", "fingerprint": "hash digest",
    "read in": "load parse", "save": "write dump", "turn into": "convert to", "turn": "convert", "into": "to", "make": "create",
    "show": "display print", "find out": "determine", "check": "test whether", "set up": "configure", "give back": "return",
    "whole": "entire", "several": "multiple", "allowed": "permitted", "must": "required",
}  # fmt: skip
_LONGEST_FIRST = sorted(_ENGLISH, key=lambda phrase: (-len(phrase), phrase))
_PATTERN = re.compile(r"\b(" + "|".join(map(re.escape, _LONGEST_FIRST)) + r")\b", re.IGNORECASE)


def reword(question: str, prefers: Callable[[str, str], bool]) -> str:
    """The question in the documents' words; itself where the table knows nothing that they prefer."""

    def replaced(match: re.Match[str]) -> str:
        everyday = match[0].lower()
        technical = _ENGLISH[everyday]
        return technical if prefers(technical, everyday) else match[0]

    return _PATTERN.sub(replaced, question)
