"""Chat templates: formatting is silent, reaching inside is not."""

from __future__ import annotations

import pytest

from scanner.facts import TemplateFact
from scanner.findings import Finding, Severity, Where
from scanner.rules.template_reaches_python import RULE


def said(source: str) -> list[Finding]:
    return list(RULE.apply(TemplateFact(where=Where(), source=source)))


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.popen('true').read() }}",
        "{{ x['__class__'] }}",
        "{{ x|attr('__class__') }}",
        "{{ x|attr('__cl' ~ 'ass__') }}",
        "{% set y = x.__globals__ %}",
        "{% for m in ().__class__.__base__.__subclasses__() %}{{ m }}{% endfor %}",
        "{{ lipsum.__globals__ }}",
        "{{ (x for y in z).gi_frame }} {{ g.gi_frame.f_globals }}",
        "{{ x['_' * 2] }}{{ '__' ~ 'class' ~ '__' }}",
    ],
)
def test_fires(source: str) -> None:
    assert max((f.severity for f in said(source)), default=Severity.INFO) >= Severity.HIGH


@pytest.mark.parametrize(
    "source",
    [
        "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] | trim }}{% endfor %}",
        "{% if not loop.first %}{{ raise_exception('no') }}{% endif %}",
        "{%- set ns = namespace(found=false) -%}{%- set ns.found = true -%}",
        "{% macro f(a) %}{{ a|tojson }}{% endmacro %}{{ f(tools) }}",
        "{% generation %}{{ x }}{% endgeneration %}",
        "{{ strftime_now('%d %b') }}{% break %}",
        "{{ message.content.split('</think>')[-1] }}",
        "plain text without markup",
        "{{ '__media__' }}{{ bos_token }}",
    ],
)
def test_stays_quiet(source: str) -> None:
    assert said(source) == []


def test_what_does_not_parse_but_speaks_of_the_inside_is_told() -> None:
    assert [f.severity for f in said("{{ x.__class__ ")] == [Severity.HIGH]
    assert said("{{ hello ") == []


def test_depth_and_length_do_not_break_it() -> None:
    assert said("{{ " + "(" * 5000 + " }}") == []
    assert [f.severity for f in said("{{ x }}" * 200_000)] == [Severity.MEDIUM]


@pytest.mark.parametrize(
    "source",
    ["{{ ''['__cl'+'ass__'] }}", "{% set x='__cla'~'ss__' %}{{ ''[x] }}",
     "{{ ''['_'*2~'class__'] }}",
     "{{ ''[['_','_','class','_','_']|join] }}", "{{ dict(__class__=1)|list|first }}",
     "{{ ''['%c%cclass__'|format(95,95)] }}", "{{ '_'.join(['','','class','','']) }}",
     "{{ '__ssalc__'[::-1] }}", "{{ '__ssalc__'|reverse }}", "{{ 'YYclassYY'.replace('Y','_') }}",
     "{{ 'YYclassYY'|replace('Y','_') }}", "{{ ''['__CLASS__'.lower()] }}",
     "{{ messages|map('attr','x') }}", "{% set a %}__class__{% endset %}{{ ''[a] }}",
     "{% set a='__cla' %}{% set b='ss__' %}{{ ''[a~b] }}", "{{ ''[messages[0] ~ 'ss__'] }}",
     "{{ ''['__cl%s' % 'ass__'] }}"],
)  # fmt: skip
def test_names_put_together_from_pieces_are_found(source: str) -> None:
    assert list(RULE.apply(TemplateFact(where=Where(), source=source)))


@pytest.mark.parametrize(
    "source",
    ["{{ '___' }}", "{{ ' __bold__ ' ~ m.content }}", "{{ messages[loop.index0 + 1]['role'] }}",
     "{{ '%99999999999d' % 1 }}", "{{ ('a' * 2000) * 2000 }}",
     "{{ '|'.join(['a', 'b']) }}", "{{ names[i - 1] }}", "{% set k = 'role' %}{{ m[k] }}"],
)  # fmt: skip
def test_ordinary_arithmetic_on_text_is_left_alone(source: str) -> None:
    assert list(RULE.apply(TemplateFact(where=Where(), source=source))) == []


@pytest.mark.parametrize(
    "source",
    [
        "{{ x[('a' * 30000 ~ '__cla' ~ 'ss__')[30000:]] }}",
        "{{ x[" + "".join(f"'{letter}' + " for letter in "__cla" * 20) + "''] }}",
        "{% set y = 'a' * 30000 ~ 'b' %}{{ x[y[3:]] }}",
        "{{ x[[" + "'a', " * 200 + "'__cla' ~ 'ss__'][200]] }}",
    ],
    ids=["length", "depth", "name", "list"],
)
def test_more_than_can_be_worked_out_is_told(source: str) -> None:
    assert [finding.severity for finding in said(source)] != []


def test_a_long_prompt_is_left_alone() -> None:
    prompt = "You are an assistant. " * 300
    assert said("{% set p = '" + prompt + "' %}{{ p ~ 'Go on.' + x }}") == []


@pytest.mark.parametrize(
    "source",
    ["{% set ns=namespace(s='') %}{% for c in ['_','_','c','_','_'] %}{% set ns.s = ns.s + c %}"
     "{% endfor %}{{ m[ns.s] }}", "{{ m[m[0].content]() }}",
     "{{ m[dict(po=1,pen=2)|join]('id') }}",
     "{{ m['AAclassAA'.translate({65:95})] }}",
     "{% set a %}_{{ '_' }}class__{% endset %}{{ m[a] }}",
     "{% set u=(m|string|list)[9] %}{{ m[u+u+'class'+u+u] }}", "{{ m|groupby(m[0].k) }}",
     "{{ m|sort(attribute=m[0].k) }}", "{{ ('{0.' ~ m[0].role ~ '}').format(m) }}",
     "{{ dict(__cla=1,ss__=2)|join }}", "{{ 'a' * 1000000000000 }}", "{{ 9 ** 9 ** 9 }}",
     "{{ range(1000000000)|list }}", "{{ 'a'|center(10000000000) }}"],
)  # fmt: skip
def test_computed_lookups_and_huge_numbers_are_found(source: str) -> None:
    assert list(RULE.apply(TemplateFact(where=Where(), source=source)))


@pytest.mark.parametrize(
    "source",
    ["{{ m|map(attribute='role')|join(', ') }}",
     "{{ m|selectattr('role', 'equalto', 'user')|list }}",
     "{{ '{}: {}'.format(m.role, m.content) }}", "{{ tools[name] }}",
     "{{ m[loop.index0 - 1].role }}",
     "{{ a ~ '_' ~ b }}", "{{ x.split('_') }}", "{% for k in tool %}{{ tool[k] }}{% endfor %}",
     "{{ ns.items[ns.key]['type'] }}", "{{ m|sort(attribute='role') }}", "{{ 1000000 }}"],
)  # fmt: skip
def test_ordinary_lookups_are_left_alone(source: str) -> None:
    assert list(RULE.apply(TemplateFact(where=Where(), source=source))) == []


@pytest.mark.parametrize(
    "source",
    [
        "{% with a='__cla', b='ss__' %}{{ ''[a+b] }}{% endwith %}", "{{ ''[bos_token] }}",
        "{% set u=messages|string|list %}{{ ''[u[0]+u[1]] }}", "{{ ''['&#95;'|striptags] }}",
        "{{ ''[messages[0].content] }}", "{{ lipsum(n=999999) }}",
        "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
    ],
)  # fmt: skip
def test_items_of_text_by_computed_names_and_endless_loops_fire(source: str) -> None:
    assert said(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'abc'[1] }}{{ 'abc'[1:] }}{{ 'abc'[loop.index0] }}", "{{ names[message['role']] }}",
        "{% for a in range(10) %}{% for b in range(a) %}x{% endfor %}{% endfor %}",
        "{% with a='x', b=messages|length %}{{ messages[b - 1].content }}{% endwith %}",
        "{{ messages[messages|length - 1] }}{{ items[key|int] }}",
        "{{ messages[0]['content'] | trim }}",
    ],
)  # fmt: skip
def test_ordinary_items_and_loops_stay_quiet(source: str) -> None:
    assert said(source) == []
