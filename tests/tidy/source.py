"""A source file as the checks see it: lines, code without comments and strings, comments alone."""
import re

# Raw strings, strings, characters, and both kinds of comment. The digit guard keeps 1'000 whole.
TOKEN = re.compile(
    r'R"(?P<delimiter>[^(\s]{0,16})\(.*?\)(?P=delimiter)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'"
    r'|//[^\n]*'
    r'|/\*.*?\*/', re.DOTALL)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+([<"])([^>"]+)[>"]', re.MULTILINE)


def blank(text):
    """The same number of lines and columns, with nothing on them."""
    return re.sub(r'[^\n]', ' ', text)


class Source:
    """One file of the tree; `path` is relative to the root, with slashes."""

    def __init__(self, root, path):
        self.path = path
        self.text = (root / path).read_text(encoding='utf-8')
        self.lines = self.text.splitlines()
        self.is_cpp = path.endswith(('.cpp', '.hpp'))
        self.code = TOKEN.sub(lambda match: blank(match[0]), self.text)
        self.comments = self._comments()
        self.includes = [(self.line_at(match.start(2)), match[1], match[2])
                         for match in INCLUDE.finditer(self.text)]

    def _comments(self):
        kept, end = [], 0
        for match in TOKEN.finditer(self.text):
            kept.append(blank(self.text[end:match.start()]))
            is_comment = match[0].startswith(('//', '/*'))
            kept.append(match[0] if is_comment else blank(match[0]))
            end = match.end()
        return ''.join(kept) + blank(self.text[end:])

    def line_at(self, offset):
        return self.text.count('\n', 0, offset) + 1

    def functions(self):
        """(line, lines of the body) of what looks like a function that is not inside another."""
        found, stack, statement = [], [], 0
        for match in re.finditer(r'[{};]', self.code):
            char, at = match[0], match.start()
            if char == '{':
                head = self.code[statement:at]
                is_scope = re.search(r'\b(namespace|class|struct|union|extern)\b[^()]*$', head)
                is_value = re.search(r'\benum\b|=\s*$', head)
                kind = 'scope' if is_scope else 'value' if is_value else 'body'
                stack.append((kind, at))
            elif char == '}' and stack:
                kind, opened = stack.pop()
                if kind == 'body' and all(outer == 'scope' for outer, _ in stack):
                    length = self.code.count('\n', opened, at) - 1
                    found.append((self.line_at(opened), length))
            statement = at + 1
        return found
