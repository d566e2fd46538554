"""No two classes of the library share a name: what is in no anonymous namespace would be one class
for the linker, and lib/ also compiles as one unit, where anonymous namespaces are one, too."""
import re

DEFINITION = re.compile(
    r'^(?:class|struct|union|enum(?: class)?)\s+'
    r'(?:alignas\([^)]*\)\s*|\[\[[^\]]*\]\]\s*|IQ_\w+\s+)*'
    r'(\w+)(?!\w|\s*<|::)[^;()<]*\{', re.MULTILINE)


def check(sources, say):
    seen = {}
    for source in sources:
        if not source.is_cpp or not source.path.startswith('lib/'):
            continue
        for match in DEFINITION.finditer(source.code):
            name = match[1]
            if name in seen:
                say(source.path, source.line_at(match.start()),
                    f'{name} is also in {seen[name]}', 'give one of them another name')
            else:
                seen[name] = f'{source.path}:{source.line_at(match.start())}'
