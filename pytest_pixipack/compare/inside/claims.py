"""Whether a text says which tool made it, or speaks of a tool: what it needs or supports."""

from __future__ import annotations

import re

# How far before and behind a version is looked for what is said of it.
_BEFORE, _BEHIND = 120, 40
# The last sentence before it, and the last part of that.
_SENTENCE = re.compile(r"[.;!?](?=\s)|\n|\0")
_PART = re.compile(r"[,:=|<>(){}\[\]\"'`#*/!]|--")
_WORD = re.compile(r"[A-Za-z][\w-]*")
# What something needs, supports, or was tried with, and since when it has it.
_OF_USE = re.compile(
    r"(?i)\b(?:requir\w+|needs?|needed|support\w*|test(?:s|ed|ing)?|works?|compatib\w+|minim\w+|"
    r"maxim\w+|at (?:least|most)|since|until|before|after|starting|new (?:in|with)|added|removed|"
    r"changed|fixed|deprecated|introduced|depend(?:s|ency|encies)?|install(?:s|ing|ation)?|"
    r"download|upgrade|recommend\w*|prerequisites?|prefer\w*|targets?|must|should|can(?:not)?|"
    r"could|if|unless)\b"
)
_OR_LATER = re.compile(
    r"(?i)\s*(?:\+|\^|(?:or|and|&) (?:any )?(?:later|newer|above|higher|greater|up|upwards?|"
    r"onwards?|earlier|older|below|lower|\d)|(?:is|are|was|will|must|should|has|have|only|to|through)\b|"
    r"[-–] ?\d+\.\d)"
)
_WISHED = re.compile(r"(?i)\b(?:must|should|can(?:not)?|could|to|needs?|never|not)(?: be)?\s*$")
# Before the name of a tool that made something, and who hands it out.
_MAKES = re.compile(
    r"(?i)\b(?:generated|created|produced|compile[dr]|built|made|written|rendered|powered|using|via|"
    r"by|(?:format|output) of)\b"
)
_GIVERS = frozenset({
    "apple", "ubuntu", "debian", "android", "amd", "intel", "freebsd", "openbsd", "netbsd",
    "fedora", "homebrew", "alpine", "gnu", "eclipse", "oracle", "openjdk", "microsoft", "red",
    "hat", "suse", "gentoo", "arch", "conda-forge", "anaconda", "this", "is", "version", "the",
})  # fmt: skip
_GOES_ON = frozenset({
    "on", "with", "for", "from", "and", "using", "by", "release", "final", "linux", "darwin",
    "windows", "freebsd", "built", "compiled", "generated", "copyright", "revision", "build",
})  # fmt: skip
_ENTRY = re.compile(r"\s*[-+•]\s+$|\*\s+$")


def is_claim(text: str, start: int, end: int) -> bool:
    """Whether the name and version of a tool at a place say what made a text.

    They do where nothing but signs is around them, who hands the tool out, or a word of making;
    in any other sentence they may be what is needed.
    """
    before, behind = text[max(start - _BEFORE, 0) : start], text[end : end + _BEHIND]
    if _OR_LATER.match(behind) or "::" in text[max(start - 4, 0) : end]:
        return False
    sentence = _SENTENCE.split(before)[-1]
    if _OF_USE.search(sentence) or _ENTRY.fullmatch(before):
        return False
    makes = _MAKES.search(sentence)
    if makes is not None:
        return _WISHED.search(sentence[: makes.start()]) is None
    words = _WORD.findall(_PART.split(sentence)[-1])
    if not all(word.lower() in _GIVERS for word in words):
        return False
    after = re.match(r" +(?:- +)?([A-Za-z]{2,})\b", behind)
    return after is None or after[1].lower() in _GOES_ON


def is_made(text: str, start: int, version: int, end: int) -> bool:
    """Whether `made with X 1.2` says that it was, and not how to do it, or since when it is."""
    if _WISHED.search(text[max(start - _BEHIND, 0) : start]):
        return False
    return not (_OF_USE.search(text[start:version]) or _OR_LATER.match(text[end : end + _BEHIND]))
