"""From the text of a shell script to its model, by the grammar of tree-sitter-bash."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from efakit.lint.script import fed
from efakit.lint.script.effects import note_effects
from efakit.lint.script.fill import fill_in
from efakit.lint.script.launchers import environment_of, launches
from efakit.lint.script.model import GAP, TOP, Assignment, AssignmentKind, Command, Scope, Script, Word, Written
from efakit.lint.script.text import Region, Span
from efakit.lint.script.words import assignment_in, node_text, word_of

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_NAME = re.compile(r"[A-Za-z_]\w*\Z")
_NO_WORDS = ("comment", "file_redirect")
_REDIRECTS = ("file_redirect", "heredoc_redirect", "herestring_redirect")
_DEEPEST = 400  # of nesting: what stands deeper is no script that anybody wrote


@lru_cache(maxsize=1)
def parser() -> Parser:
    """Return the parser of the shell's grammar."""
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def read_shell(script: Script, text: bytes) -> None:
    """Fill a script's model from ``text``, which has the length of its source."""
    _Reader(script, lambda offset: offset).read(text)
    _finish(script)


def read_region(script: Script, region: Region) -> None:
    """Fill a script's model from code that stands within its file, such as that of a Dockerfile's RUN."""
    _Reader(script, region.at).read(region.text)
    _finish(script)


def _finish(script: Script) -> None:
    _read_written(script)
    fill_in(script)
    for command in script.commands:
        script.assignments += environment_of(command)
    script.assignments.sort(key=lambda item: item.span)
    for inner in script.embedded:
        _finish(inner)


def _read_written(script: Script) -> None:
    """Read the scripts that heredocs write and the script then runs: as code of the shell that the run starts."""
    for file in script.written:
        if file.region is None:
            continue
        user = next((item for item in script.commands if _runs(item, file.name)), None)
        if user is None:
            continue
        if user.name == "sbatch":
            script.embedded.append(fed.embedded(script, file.region, _Reader))
        else:
            _Reader(script, file.region.at, 1, user.words).read(file.region.text)


def _runs(command: Command, file: Word) -> bool:
    return command.name not in ("cat", "chmod", "rm", "cp", "scp", "sbcast", "ls", "echo") and any(
        _names(word, file) for word in command.words
    )


def _names(word: Word, file: Word) -> bool:
    """Return whether a word names a file, whatever the folder."""
    if [ref.name for ref in word.refs] != [ref.name for ref in file.refs]:
        return False
    name = file.text.rpartition("/")[2]
    return bool(name.replace(GAP, "") or file.refs) and word.text.rpartition("/")[2] == name


class _Reader:
    """Walks the tree of one text; ``at`` leads from its offsets to those of the file.

    ``outer``: the command line that starts the shell which runs the text, where it is not the script's own.
    """

    def __init__(self, script: Script, at: Callable[[int], int], depth: int = 0, outer: tuple[Word, ...] = ()) -> None:
        self.script = script
        self.at = at
        self.depth = depth
        self.all_exported = False
        self.outer = outer
        self.branches = 0
        self.function = ""

    def scope(self) -> Scope:
        if not (self.outer or self.branches or self.function):
            return TOP
        return Scope(self.outer, self.branches > 0, self.function)

    def read(self, text: bytes) -> None:
        root = parser().parse(text).root_node
        self._walk(root, conditional=False, inside=False, depth=0)

    def span(self, node: Node) -> Span:
        return Span(self.at(node.start_byte), self.at(node.end_byte))

    def _walk(self, node: Node, *, conditional: bool, inside: bool, depth: int) -> None:
        """``inside``: in $( ), whose variables end with it."""
        if depth > _DEEPEST:
            self.script.unread.append(self.span(node))
            return
        kind = node.type
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, node, conditional, inside, depth)
            return
        if kind == "comment":
            self.script.comments.append(self.span(node))
            return
        if kind == "ERROR" or node.is_missing:
            self.script.unread.append(self.span(node))
        if kind in ("simple_expansion", "expansion"):
            self._reference(node)
        if kind == "raw_string":
            self.script.quoted.append(self.span(node))
        children = node.named_children
        if not children:
            return
        inside = inside or kind in ("command_substitution", "process_substitution")
        branches = conditional or kind in _BRANCHES
        function = self.function
        if kind == "function_definition":
            name = node.child_by_field_name("name")
            self.function = node_text(name) if name is not None else "?"
            self.script.functions.add(self.function)
        choice = kind in _CHOICES
        self.branches += choice
        for number, child in enumerate(children):
            later = branches or (kind == "list" and number > 0)
            self.branches += kind == "list" and number > 0
            self._walk(child, conditional=later, inside=inside, depth=depth + 1)
            self.branches -= kind == "list" and number > 0
        self.branches -= choice
        self.function = function

    def _children(self, node: Node, conditional: bool, inside: bool, depth: int) -> None:
        for child in node.named_children:
            self._walk(child, conditional=conditional, inside=inside, depth=depth + 1)

    def _reference(self, node: Node) -> None:
        for ref in word_of(node, self.at).refs:
            if ref.name:
                self.script.referenced.add(ref.name)
                if ref.guarded:
                    self.script.defined.add(ref.name)

    # Each kind of statement.

    def _assignment(self, node: Node, conditional: bool, inside: bool, depth: int) -> None:
        self._children(node, conditional, inside, depth)
        kind: AssignmentKind = "export" if self.all_exported else "plain"
        found = self._assigned(node, kind, conditional or inside)
        if found is not None:
            self.script.assignments.append(found)

    def _assigned(self, node: Node, kind: AssignmentKind, conditional: bool) -> Assignment | None:
        name_node, value_node = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name_node is None or name_node.type != "variable_name":
            if name_node is not None:
                self.script.defined.add(node_text(name_node).partition("[")[0])
            return None
        name = node_text(name_node)
        data = node.text or b""
        appended = data[name_node.end_byte - node.start_byte :].startswith(b"+=")
        if value_node is not None and value_node.type == "array":
            self._array(name, value_node, appended)
            return None
        word = word_of(value_node, self.at) if value_node is not None else Word(self._empty(node), ())
        span = self.span(node)
        return Assignment(
            name=name,
            value=None if appended else word.literal,
            kind=kind,
            span=span,
            name_span=self.span(name_node),
            value_span=word.span,
            word=word,
            reaches=kind != "plain",
            conditional=conditional,
            appended=appended,
            cut=self._cut(node, conditional),
            scope=self.scope(),
        )

    def _empty(self, node: Node) -> Span:
        end = self.at(node.end_byte)
        return Span(end, end)

    def _array(self, name: str, node: Node, appended: bool) -> None:
        words = [word_of(child, self.at) for child in node.named_children if child.type != "comment"]
        if not appended and name in self.script.arrays:
            self.script.defined.add(name)
        self.script.arrays.setdefault(name, []).extend(words)

    def _cut(self, node: Node, conditional: bool) -> Span | None:
        """Return what to delete with an assignment: its whole line, or its word among others."""
        if conditional:
            return None  # an empty branch would be no shell any more
        parent = node.parent
        statement = node
        if parent is not None and parent.type == "declaration_command":
            if len(parent.named_children) > 1:
                return self._word_cut(parent, node)
            statement = parent
        elif parent is not None and parent.type == "command":
            return self._word_cut(parent, node)
        holder = statement.parent
        if holder is None or holder.type != "program" or statement.start_point[0] != statement.end_point[0]:
            return None
        return fed.line_cut(self.script.source, self.span(statement))

    def _word_cut(self, parent: Node, node: Node) -> Span | None:
        previous, following = node.prev_sibling, node.next_sibling
        if following is not None:
            return Span(self.at(node.start_byte), self.at(following.start_byte))
        return Span(self.at(previous.end_byte), self.at(node.end_byte)) if previous is not None else None

    def _declaration(self, node: Node, conditional: bool, inside: bool, depth: int) -> None:
        self._children_of_words(node, conditional, inside, depth)
        word = node_text(node.children[0]) if node.children else ""
        flags = "".join(node_text(child) for child in node.named_children if node_text(child).startswith(("-", "+")))
        exported = (word == "export" and "n" not in flags) or (word != "export" and "x" in flags and "+" not in flags)
        kind: AssignmentKind = "export" if exported or self.all_exported else "plain"
        if word == "export":
            told = tuple(word_of(child, self.at) for child in node.named_children if child.type not in _NO_WORDS)
            self.script.exports.append((self.span(node), told))
        for child in node.named_children:
            if child.type == "variable_assignment":
                self._declared(self._assigned(child, kind, conditional or inside), exported)
            elif child.type == "variable_name":
                self._declared_name(node_text(child), word, exported)
            elif child.type not in ("comment", "file_redirect"):
                self._declared_word(word_of(child, self.at), kind, word, exported, conditional or inside)

    def _declared(self, found: Assignment | None, exported: bool) -> None:
        if found is not None:
            self.script.assignments.append(found)
            if exported:
                self.script.exported.add(found.name)

    def _declared_name(self, name: str, word: str, exported: bool) -> None:
        if exported:
            self.script.exported.add(name)
        # "export A" alone says that A comes from elsewhere.
        if name not in self.script.defined:
            self.script.handed_on.add(name)
        self.script.defined.add(name)

    def _declared_word(self, word: Word, kind: AssignmentKind, command: str, exported: bool, conditional: bool) -> None:
        found = assignment_in(word)
        if found is None:
            if _NAME.match(word.text):
                self._declared_name(word.text, command, exported)
            return
        name, value = found
        start = word.span.start + (0 if self.script.source.at(word.span).startswith(name) else 1)
        name_span = Span(start, start + len(name))
        item = Assignment(
            name,
            value.literal,
            kind,
            word.span,
            name_span,
            word.span,
            value,
            kind != "plain",
            conditional,
            scope=self.scope(),
        )
        self._declared(item, exported)

    def _children_of_words(self, node: Node, conditional: bool, inside: bool, depth: int) -> None:
        for child in node.named_children:
            if child.type == "variable_assignment":
                self._children(child, conditional, inside, depth + 1)
            else:
                self._walk(child, conditional=conditional, inside=inside, depth=depth + 1)

    def _unset(self, node: Node, conditional: bool, inside: bool, depth: int) -> None:
        for child in node.named_children:
            name = node_text(child)
            if _NAME.match(name) and not inside and not conditional:
                self.script.unset[name] = self.at(node.start_byte)

    def _for(self, node: Node, conditional: bool, inside: bool, depth: int) -> None:
        variable = node.child_by_field_name("variable")
        if variable is not None:
            self.script.defined.add(node_text(variable))
        for child in node.named_children:
            body = child.type in ("do_group", "compound_statement")
            self._walk(child, conditional=conditional or body, inside=inside, depth=depth + 1)

    def _test(self, node: Node, conditional: bool, inside: bool, depth: int) -> None:
        self._children(node, conditional, inside, depth)
        self.script.defined.update(re.findall(r"\$\{?[!#]?([A-Za-z_]\w*)", node_text(node)))
        self.script.defined.update(re.findall(r"-v\s+([A-Za-z_]\w*)", node_text(node)))

    def _heredoc(self, node: Node, conditional: bool, inside: bool, depth: int) -> None:
        for child in node.named_children:
            if child.type not in ("heredoc_start", "heredoc_body", "heredoc_end"):
                self._walk(child, conditional=conditional, inside=inside, depth=depth + 1)
            elif child.type == "heredoc_body":
                self.script.quoted.append(self.span(child))

    def _redirected(self, node: Node, conditional: bool, inside: bool, depth: int) -> None:
        self._children(node, conditional, inside, depth)
        body = node.child_by_field_name("body")
        for child in node.named_children:
            if child.type == "heredoc_redirect" and body is not None and body.type == "command":
                self._fed(node, body, child)

    def _fed(self, node: Node, body: Node, heredoc: Node) -> None:
        """Read a heredoc that is fed to a shell, or to sbatch; note one that becomes a file."""
        words = [word_of(child, self.at) for child in body.named_children if child.type not in _REDIRECTS]
        region = fed.heredoc_region(self.script.source, heredoc, self.at)
        if region is None or self.depth > 2:
            return
        filled = tuple(fed.filled_in(heredoc, self.at))
        program = next((item.program for item in reversed(list(launches(words))) if item.kind == "srun"), None)
        reader = fed.reads_its_input(words if program is None else program)
        if reader == "sbatch":
            self.script.embedded.append(fed.embedded(self.script, region, _Reader))
        elif reader == "shell":
            self.script.written.append(Written(words[0], filled, None))
            outer = tuple(words) if program is not None else self.outer
            _Reader(self.script, region.at, self.depth + 1, outer).read(region.text)
        elif words and words[0].text == "cat" and self.depth == 0:
            target = fed.file_written(node, heredoc)
            if target is not None:
                file = word_of(target, self.at)
                code = fed.is_shell(file.text, region.text)
                self.script.written.append(Written(file, filled, region if code else None))

    def _command(self, node: Node, conditional: bool, inside: bool, depth: int) -> None:
        words: list[Word] = []
        prefix: list[Assignment] = []
        for child in node.children:
            kind = child.type
            if kind == "variable_assignment":
                self._children(child, conditional, inside, depth + 1)
                found = self._assigned(child, "env-prefix", conditional or inside)
                prefix += [found] if found else []
                continue
            if child.is_named:
                self._walk(child, conditional=conditional, inside=inside, depth=depth + 1)
            if kind not in _REDIRECTS and (child.is_named or kind not in ("<", ">", ";")):
                words.append(word_of(child, self.at))
        name = words[0].literal if words else None
        span = self.span(node)
        if self.script.first_command is None:
            self.script.first_command = span.start
        exporting = note_effects(self.script, name or "", words)
        self.all_exported = self.all_exported if exporting is None else exporting
        self.script.commands.append(Command(tuple(words), span, conditional, inside, tuple(prefix), self.scope()))
        self.script.assignments += prefix
        for word in fed.code_words(words):
            self._code(word, tuple(words))

    def _code(self, word: Word, words: tuple[Word, ...]) -> None:
        """Read the code in the word after bash -c; it is run by another shell where a launcher starts that."""
        region = fed.quoted_region(self.script.source, word.span)
        if region is not None and self.depth < 3 and not word.split:
            outer = (*self.outer, *words) if any(launches(words)) else self.outer
            inner = _Reader(self.script, region.at, self.depth + 1, outer)
            inner.read(region.text)

    def _arithmetic(self, node: Node, conditional: bool, inside: bool, depth: int) -> None:
        """Note the names in ((...)): they are read, and may be set."""
        self._children(node, conditional, inside, depth)
        text = node_text(node)
        if text.startswith(("((", "$((", "$[")):
            self.script.referenced.update(re.findall(r"[A-Za-z_]\w*", text))
            self.script.defined.update(re.findall(r"([A-Za-z_]\w*)\s*(?:[-+*/%|&^]|<<|>>)?=(?!=)", text))
            self.script.defined.update(re.findall(r"([A-Za-z_]\w*)\s*(?:\+\+|--)", text))


_BRANCHES = frozenset(
    (
        "if_statement",
        "elif_clause",
        "else_clause",
        "while_statement",
        "c_style_for_statement",
        "case_statement",
        "case_item",
        "function_definition",
        "do_group",
    )
)
_CHOICES = frozenset(("if_statement", "case_statement", "while_statement"))
_HANDLERS = {
    "command": _Reader._command,
    "variable_assignment": _Reader._assignment,
    "declaration_command": _Reader._declaration,
    "unset_command": _Reader._unset,
    "for_statement": _Reader._for,
    "test_command": _Reader._test,
    "heredoc_redirect": _Reader._heredoc,
    "redirected_statement": _Reader._redirected,
    "arithmetic_expansion": _Reader._arithmetic,
    "compound_statement": _Reader._arithmetic,
}
