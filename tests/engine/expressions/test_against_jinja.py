"""Where our language means the same as Jinja's, it gives the same: Jinja itself is the oracle."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import StrictUndefined
from jinja2.nativetypes import NativeEnvironment

from engine.expressions.budget import Budget
from engine.expressions.errors import ExpressionError
from engine.expressions.template import compile_expression
from engine.expressions.text_template import compile_text_template

NATIVE = NativeEnvironment(undefined=StrictUndefined)
TEXT = NATIVE.overlay()

words = st.text(alphabet="abAB -.é\n1(", max_size=12)
numbers = st.integers(-1000, 1000) | st.floats(-1e6, 1e6, allow_nan=False)
rows = st.lists(
    st.fixed_dictionaries({"n": numbers, "s": words, "d": st.fixed_dictionaries({"x": numbers})}), max_size=6
)
scopes = st.fixed_dictionaries(
    {
        "s": words,
        "t": words,
        "n": numbers,
        "m": st.integers(1, 5),
        "ns": st.lists(numbers, max_size=6),
        "ss": st.lists(words, max_size=6),
        "rows": rows,
        "o": st.dictionaries(words, numbers, max_size=4),
    }
)

SAME = [
    "s|capitalize",
    "s|lower",
    "s|upper",
    "s|title",
    "s|trim",
    "s|trim('a ')",
    "s|wordcount",
    "s|reverse",
    "s|length",
    "s|list",
    "s|replace('a', t)",
    "s|replace('a', 'x', 1)",
    "s|replace('', '-', m)",
    "s|indent",
    "s|indent(2, true)",
    "s|indent(m, true, true)",
    "s|indent('> ')",
    "s|truncate(5)",
    "s|truncate(5, true, '')",
    "s|truncate(4, false, '..', 0)",
    "s|urlencode",
    "o|urlencode",
    "s|int",
    "s|int(7)",
    "s|int(0, 16)",
    "s|float",
    "s|float(2.5)",
    "n|int",
    "n|float",
    "n|abs",
    "n|round",
    "n|round(2)",
    "n|round(-1)",
    "n|round(1, 'ceil')",
    "n|round(0, 'floor')",
    "ns|sum",
    "ns|sum(start=m)",
    "ns|sort",
    "ns|sort(true)",
    "ss|sort",
    "ss|sort(case_sensitive=true)",
    "ss|unique|list",
    "ss|unique(true)|list",
    "ss|join",
    "ss|join(', ')",
    "ns|length",
    "ss|map('upper')|list",
    "ss|map('replace', 'a', 'b')|list",
    "ns|select('gt', 3)|list",
    "ns|reject('lt', m)|list",
    "ns|select|list",
    "ss|reject|list",
    "rows|map(attribute='s')|list",
    "rows|map(attribute='d.x')|list",
    "rows|sum(attribute='n')",
    "rows|sort(attribute='n')",
    "rows|sort(attribute='s,n')",
    "rows|sort(attribute='d.x', reverse=true)",
    "rows|join('+', attribute='s')",
    "rows|selectattr('n', 'gt', 0)|list",
    "rows|rejectattr('s')|list",
    "rows|selectattr('s', 'in', ss)|list",
    "rows|unique(attribute='s')|list",
    "(ns + [1])|min",
    "(ns + [1])|max",
    "(ss + ['x'])|min(case_sensitive=true)",
    "(ss + ['q'])|max",
    "(rows + [{'n': 1, 's': 'z'}])|max(attribute='n')",
    "(ns + [1])|first",
    "(ns + [1])|last",
    "ns|reverse|list",
    "ns|batch(m)|list",
    "ns|batch(m, 0)|list",
    "ns|slice(m)|map('list')|list",
    "ns|slice(m, 'x')|list",
    "o|list",
    "o|dictsort",
    "o|dictsort(true, 'value', true)",
    "o|items|list",
    "o|length",
    "missing|default(1)",
    "s|default('d', true)",
    "n + m",
    "n - m",
    "n * m",
    "n / m",
    "n // m",
    "n % m",
    "-n",
    "m ** 2",
    "s + t",
    "s * m",
    "ns + ns",
    "ns * m",
    "n < m",
    "s < t",
    "s == t",
    "s in t",
    "s in ss",
    "s not in o",
    "1 < m < 4",
    "s and t",
    "s or t",
    "not s",
    "s if t else n",
    "s[0:m]",
    "s[::-1]",
    "ns[1:]",
    "ns[-2:]",
    "ns[::2]",
    "rows[0:1]",
    "[n, [s]]",
    "{'a': n, s: t}",
    "o[s] is defined",
    "m is odd",
    "m is even",
    "m is divisibleby 2",
    "n is number",
    "s is string",
    "o is mapping",
    "ns is sequence",
    "s is sequence",
    "m is in ns",
    "m is eq 2",
    "m is ne 2",
    "m is lt 3",
    "m is ge 3",
    "none is none",
    "true is boolean",
    "missing is undefined",
    "'é' ~ s ~ m",
]


def plain(value: Any) -> Any:
    """Tuples as lists, generators as lists."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize("source", SAME)
@settings(max_examples=15, deadline=None)
@given(scope=scopes)
def test_the_same_as_jinja(source: str, scope: Any) -> None:
    expected = plain(NATIVE.compile_expression(source, undefined_to_none=False)(**scope))
    try:
        value = compile_expression(source).evaluate(scope, Budget())
    except ExpressionError as error:
        pytest.fail(f"{error.message}, Jinja gives {expected!r}")
    assert (value, str(value)) == (expected, str(expected))


TEMPLATES = [
    "{% for x in ns %}{{ loop.index }},{{ loop.index0 }},{{ loop.revindex }},{{ loop.revindex0 }},{{ loop.length }};{% endfor %}",
    "{% for x in ns if x > 0 %}{{ loop.index }}{% if loop.first %}f{% endif %}{% if loop.last %}l{% endif %}{% else %}none{% endfor %}",
    "{% for k, v in o|items %}[{{ k }}]{% endfor %}",
    "{% set x = m %}{% for i in ns %}{% set x = 0 %}{{ x }}{% endfor %}{{ x }}",
    "{% set x = m %}{% if s %}{% set x = 0 %}{% endif %}{{ x }}",
    "{% set a, b = [s, t] %}{{ b }}{{ a }}",
    "{% set x %}<{{ s }}>{% endset %}{{ x }}{{ x }}",
    "{% if m == 1 %}one{% elif m == 2 %}two{% elif m == 3 %}{% else %}many{% endif %}",
    "{% for r in rows %}{% for c in r.s %}{{ loop.index }}{{ c }}{% endfor %}{{ loop.index }}{% endfor %}",
    "a  {%- if true -%}  b  {%- endif -%}  c\n{# note #}\n{{- s }}  ",
    "{% raw %}{{ s }}{% if %}{% endraw %}{{ s }}",
    "{% for i in [] %}{% else %}{{ s }}{% endfor %}",
]


@pytest.mark.parametrize("source", TEMPLATES)
@settings(max_examples=15, deadline=None)
@given(scope=scopes)
def test_templates_are_the_same_as_jinja(source: str, scope: Any) -> None:
    expected = str(
        "".join(map(str, NATIVE.from_string(source).root_render_func(NATIVE.from_string(source).new_context(scope))))
    )
    assert compile_text_template(source).render(scope, Budget()) == expected
