"""Functions pickled by value: harmless code is suspicious, never clean; the rest is malicious."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from scanner import FileVerdict, scan_bytes
from tests.builders.by_value import CLOUD, MAIN, cloud, code, dill, types, with_state
from tests.builders.gadgets import Build, Call, New, Put, call, glob, pickled, seq

# ruff: noqa: B009, E731, F821, PTH123, UP030, UP032
# mypy: disable-error-code="name-defined,no-untyped-def,misc"

SUSPICIOUS, MALICIOUS = FileVerdict.SUSPICIOUS, FileVerdict.MALICIOUS
HARMLESS = lambda x: x + 1


def verdict(value: Any) -> FileVerdict:
    data = value if isinstance(value, bytes) else pickled(value)
    return scan_bytes(data, name="model.pkl").verdict


def score(rows, k=2, *, b=0.5):
    """Score the rows."""
    return [max(0.0, float(np.dot(weights, row)) * k + b) for row in rows if len(row) > 1]


def constants(x):
    return x in {1, 2} or x == (None, "a", b"b", 1.5, ...)


def evaluates(model, rows):
    model.eval()
    pattern = re.compile("a+")
    return [model(row) for row in rows if pattern.search(row)]


ORDINARY = {"lambda": HARMLESS, "score": score, "constants": constants}
WAYS: dict[str, Callable[..., Any]] = {
    "cloudpickle": cloud,
    "cloudpickle with state": lambda function, **options: seq(
        made := cloud(function, **options), with_state(made), made
    ),
    "dill": dill,
    "types": types,
}


@pytest.mark.parametrize("way", WAYS)
def test_methods_named_like_builtins_that_run_code_are_suspicious(way: str) -> None:
    assert verdict(WAYS[way](evaluates)) is SUSPICIOUS


@pytest.mark.parametrize("python", ["3.7", "3.8", "3.11"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["lambda", "score"])
def test_harmless_code_is_suspicious(name: str, way: str, python: str) -> None:
    assert verdict(WAYS[way](ORDINARY[name], python=python)) is SUSPICIOUS
    assert verdict({"fn": [WAYS[way](ORDINARY[name], python=python)], "w": 1}) is SUSPICIOUS


SAMPLES = {
    "3.9 cloudpickle 1.6.0 score 4": (
        "fCQCb0{{R30001t7h`O1b!2d9V{2?>E@NzOb!2d9V{2?>l#C5uVs&Y3bZKs1ba`-Pl#`T<3QS>bVq{@dd2nTv"
        "g_Kg1C};wV2t#jVWmI`^Wt4@KQj{o50!si(0ZRi*14{!#7>59d0cHYZ0b~M%2y_5^0D}QU0D}Qj0F;arQ)6#("
        "Wgv8DWgv2IcXJ?bW*~SjlxPSjO94v&O8`p(O9@L8Ln>zgd;nb{eF1a;WB_ylbON9QbOd|>p#p;ehyfG;hyWJ="
        "g94EPaRgHUlt%yn00000004!QD2xMbVR)2`1!in-VRV#?0&Z}Wj00qEbd-z%SCn*=i~=q&l#By%Z+Dc2l#C58"
        "b8>bsb7OCEWiD`el#B{IY-w|JV{dJ6K9oxeLjaVF0b-Pl0c(_olqqzSQk0Atb7OCEWiC8yZ)0I>b3QISY-w|J"
        "V{dJ6K9q-)j0R|BY;a|Al!cUx0eF;X8fY1ZlxP-=1#@F>a%GfD2txt@0+cCe8+4RXlzo&aj0<01aA9L>VP|Du"
        "UzARa2wz`rVQpn!UzCgpUteuuX>MO%l#B>pUuJ1+WnW*EXcl!&PEK@`Qk0AwV{C7AWN>L?YiwmMV{C7AWN>L?"
        "Yiwm-W?^%5l#CKzW_503bZKvHUvp)2b97;JWt5YYXfAz}eUvC@Drh8(3}0Vybzy97VQpn!UzBJhj1OO5VQy}3"
        "bYXO9Z*Fs6UzB~6j1FI4Yj<R2W?^+~baP){lzo(F8Am_h00000004803}0VlWoBV@Y;<#9UzAG%g_Mj6Uteu+"
        "WOZz1Utg4HD~tzUUu17%Utg4H3XBV1Ut?@<b9HiMUtg3?j2B;HY;SdBaA{*}Y-L|_bz*IAWOZz1bCg|_j0<01"
        "XKZg`VQh0>UzB~6C}<C80E`K9bz*64aBp&Sl#`T<1#We1aCwx4lv0#v5nYrhM?dfY0000007pOo00000003oZ"
        "AZP_BXb31v0ZRZ&080T&0!u?f2z&r!0TcjJ0F+Kk0)~_+i~)9(g_LL(Xdp`lLjnK+lqo56lv0#vC{9jJbd*w*"
        "XfbF|eUyEaC}=8ZAZRpbAZRsxlxR0jXgN-3J7_CtJWgmmPG~+|lxRSGly!!bhEgzfb%vCNQZOz"
    ),
    "3.10 dill 0.3.6 score r": (
        "fCQDg0ssI20001t3S?<)Y%X79X>4qij1XUAa%Ew3WnX4>Zew(5Z*G*6lqhHbj0|66a%Ew3WnW`&WM!0-lqf?2"
        "00NXt0!si(0ZRi*14{!#7>59d0cHYZ0b~M%2y_5^0D}QU0D}Qj0F;arQ)6#(Wgv8DWgv2IcXJ?bW*~SjlxPGf"
        "LjaUZ0ZRZ&080W(2}=`0DrW$E09_G%0dxRl0CWL#0-ytQ1bhLZ0)qjF0Tcj;02cs*0+9l70#g8#M*si-00000"
        "0ELt&j00_9c$AC<W^8X^bd-z&Zg7;017vS>l#BsalysDg0xmF=j019Sca(;dj14bya&|9sV{dY0E^v92j0!w#"
        "X>)XAZ*6csluHUj0xAHMi~(Yli~(zuhLkCElv0$88FOQAa%C<&Y;R*>Y;!&?JZx!mbYpLAa6XiWl#B*wWo&R|"
        "a+HOXi~)F*Xc%Z0hm>d(j0JOJZ*panO9(>(7y^_jXc=^rQj~p^j0j&}ZeeX@Utg4r2wz`qVQFq(UzBrbB1-~="
        "lumS%Qj~p^eUvDS2VY-gZ)0CylxPQx4qsnucVuN|VRdYDb6;PSeUxYyM?c^I000000CS8FUteKvZf|s9bZKvH"
        "b6;PSeUx>ElwxQmD2xSWY;R$7lxP5q3SVq*VPs!)d2nTvlay!-g_Kg1i~??OlxP5q4qs_)aBp&SUu|z>b!=sn"
        "la!1FZgp*Nd6b2eQj};9U6d$CKkxtm00000M?e4o000000A-8=ZDDwnj0j?NX>4?9ZgZ5318re=l#`T<254n$"
        "aAk6oXaXo`1SmrS00ERs0ZRZ&080T&0!u?f2z&r!0TcjJ0F+Kk0)~_+i~)9(g_LL%XdX)jLjni^lqo56lv0#^"
        "lxQbtD065YPEK@`Qj~p^eUxZ1eUx*Clwx%-E&"
    ),
    "3.9 dill 0.3.4 lam 4": (
        "fCQDI000000001t3S?<)Y%X79X>4qij1XUAa%Ew3WnX4>Zew(5Z*G*6lqhHbj0|66a%Ew3WnW`&WM!0-lqgF9"
        "O8`p%O94v)OG85ld;nwt7XVWLluk<lhLkCc0eF;!l#C58b8>bsb7OCEWiD`el#B>GY+-F;WMMv(OBX``lqo56"
        "lv0#qUteN%X>4?9ZeL#tUteuuX>MO%3TO&WPJNV4bd*w*E&"
    ),
    "3.12 cloudpickle 3.0.0 closure 2": (
        "fC6J<Y;SdBaA{*}Y-KKEY;SdBaA{*}Y-I{xZDDI=UuJb~V{~b6ZVGV#C}U%6Z*^pFX=7__WiDfEZ*^pFX=7__"
        "WeQ(nb!lvLX>MP1d2nS4aRFEe0000(Z)9aud2nTM0)=q{QgH+*O94v&O8`p&O9D$1V_#!$WMyM>3T19%Z)9Z("
        "aRpcr0002Ol>x$+0DJ(#i2-^5002_}aRyih0001NVRUJ3F>wcmaR^dz2~LG^3Mp6t0001ZaSMfU3|I{S001v@"
        "a&|9sV{dY0E^v8q4Oj&L003!jZe?<D4p<Zb003`wbY*fbJZx`cVQh0gE@^IVWpZ&3OAKfQSP}pL0K>S#fB?go"
        "4-mqTF~W&;!iWrU5NHR6aS>8+5@TOqVs&Y3bZKs1UkYM*bY*i2aT6(0aTHhq0001PaTSGe7AbUb7gBK;eQ_Bm"
        "SPK9E0AF8lVPk7yXJubsaT-oo2mk;8UtexvZDn6yaT{0&0001AUu|J&ZeL$<99Red003WKW@&6?Ute(@Xbp8v"
        "PGe(iZ*^pFX=7__WiDfEZ*^pFX=7__WeQ(yVQXbyWo>YDd0%5?Y-|c~9w}0BABAxsba5e4aUx@5Y;SdBaA{*}"
        "Y-KKEY;SdBaA{*}Y-I{xW_503bZKvHUvp)2b97;JWeRa4Xd-=aBz<uuC}<mK4p<BT003WKadlyAZeeX@Ute)1"
        "Xb)Hq0001AUtw-;Z**aFX>V?GUte)2eQ_vQ4gdfEUteo?WMyVyb!>EVUte)4PFM^8003WKWMyVyb!>EVUte)5"
        "PFM;6003WKZEs|CY-L|xaVuyXSO)+A0AF8ZZ)0CyaV$<)3jhEBUteQvZ*z5WWnW)$En{PBZ*^pFX=7__WiDfE"
        "Z*^pFX=7__WeQ(yVQXbyV`Xe?3UMw=1BG!fQgJYaaWPmI0001AV{C7AWN>L?Yiwm-b9G{EZ)A0BWpi;dU2!v5"
        "3jhEBUteczZ(?C=b6;O^G<|V3b%t>^hEgyt"
    ),
    "3.13 cloudpickle 3.1.1 score 4": (
        "fCQD!0{{R30001t7h`O1b!2d9V{2?>E@NzOb!2d9V{2?>l#C8vZDDI=UuJb~V{~b6Zj_UhC};qT4PRn)X>4?9"
        "ZeMhHaAlN}l#B>NZ)9aud2nTvg_Kg1C`$rM080T&1WOD{14E>h09ye7000000001005t&s00000022UK19Ji|"
        "0CNIJHUI!_16u<C000000000}0b2zC00000000161^@s60000008$A60000000000000000000009y(G00000"
        "0001012qBw0000005t&s000000964k1pok50xbXl05t*t0000008j!=H~;_(03ZN!0&W8&0CNH$0CNIv17-k}"
        "j1*I2Z*pZIbZBKDa&LEYAa7<McrKJj0000000000hLk9b254n$aAk6oj00_9c$AC<W^8X^bd-z&Zg7;017vS>"
        "l#BsalysCRi~)F*i~(zui~(Ylj019Sca(ILj14bya&|9sV{dY0E^v92j0JOJZ*panj0JOJZ*panO9(?gfB@t_"
        "MZjUadD9C?xp}w)j6;wElvSKEpEj8`q#>YFn?BPODyUJ>6)vz5(G@b*3^TcT(F;k?1WEbQ3rUni1&%yH4Fr@a"
        "DRh)llzo&aj0<01aA9L>VP|DuUzARa2wz`rVQpn!UzCgpUteuuX>MO%l#B>pUuJ1+WnW*EXcu)(PEK@`Qj}-_"
        "j1pgFb#7yHX>V>{b7gdMbYXO5l#`TbBz=^9lqhH*j0JOJZ*panj0|62adlyAZeeX@Utg4r1#@F>a%Gf^4_{wl"
        "Zf<XMVRUJ4ZgXE>lzo(p4qsnucVuN|VRdYDb6;PSeUxYvM?c^I000000CS8CUteTpW?^+~baP){luH7Il#B{r"
        "Uu|z>b!=r{UzBJej0ay|WN%|%UzBJGj0<01V{C78b#i52UzARa7hhv+Z*^pFX=7__WnXi3Vr_3^b!=sGlwFjJ"
        "3twMnY;R&=Y;#{<lzo&aXbWfpC};;LO94v&O8`p&O9D#+LkyJwRRB`~Ed>AoBmk67O9F<JDU1Pjl!cUN7mNmI"
        "Wo&R|a+GKbO9n#=fB@JF42V&QGk{8zLjaU1DRh)llxQAKPEK@`Qj};WXhVIJeUvC@AdCiRWo&R|a+GK)j0R|B"
        "Y;a|AlxQq{lxQwaXfRG_GH4-aGfrqUPG~h<lxR17ly!!bhEgzS4rl<333GK~X>D+Ca&(lFl#B&#b!~8Yl!cU1"
        "lxPrLlqg3(@Bjb+0000-KmY&$00000Wp#Cil!j6;E&"
    ),
    "3.13 dill 0.4.0 dd 4": (
        "fCQE2000000001t3uA9=Y-M9~X>V?Gl#B~xWoBV@Y;<I4V|0|0l#B{wX>4pRUu0=)Y?O=;Ut@A*VRU6*W_503"
        "bZKvHl#`SwXakH4Ut@A*VRU6*V{c?-l#`SwLjaUZ080Q%080Q%0ZRiz1eE}10hCTl0EUz)DU1y-b8>bsb7OCE"
        "WiD`el#B>GY+-F;WMMv(XbejiLj`~U&|O}XXb34Obd*w*V_#olb!lvLX>MO%3SVDsVQFq(UkYdpPEK@`Qj~p^"
        "eUyw3UteKvZf|s9bZKvHb6;PSeUx*ClwyUHQk0AVVU$Y&b1n"
    ),
}
"""What these versions wrote for harmless functions: by Python, library and what it was."""


@pytest.mark.parametrize("sample", SAMPLES)
def test_what_the_libraries_write_is_suspicious(sample: str) -> None:
    assert verdict(base64.b85decode(SAMPLES[sample])) is SUSPICIOUS


def system(x):
    import os

    os.system("id")


def nested(x):
    return [[eval(z) for z in y] for y in x]


def writes(x):
    with open("out", "w") as file:
        file.write(x)


def loads(x):
    return np.load(x, allow_pickle=True)


def resolves(x):
    return getattr(x, "a")


def climbs(x):
    return x.__class__.__mro__


def formats(x):
    return "{0.__globals__}".format(x)


DANGEROUS: dict[str, Any] = {
    "system": system,
    "nested": nested,
    "writes": writes,
    "loads": loads,
    "resolves": resolves,
    "climbs": climbs,
    "formats": formats,
    "exec": lambda x: exec(x),
    "eval beside a method": lambda x: x.eval(eval(x)),
    "eval of the builtins": lambda x: builtins.eval(x),
    "eval of a table": lambda x: pd.eval(x),
    "compile": lambda x: compile(x, "", "exec"),
    "eval handed on": lambda x: map(eval, x),
    "import": lambda x: __import__(x),
    "subprocess": lambda x: subprocess.run(x),
    "socket": lambda x: socket.create_connection(x),
    "marshal": lambda x: marshal.loads(x),
    "ctypes": lambda x: ctypes.CDLL(x),
    "torch.hub": lambda x: torch.hub.load(x, "y"),
    "to_pickle": lambda x: x.to_pickle("y"),
    "write_text": lambda x: x.write_text("y"),
    "frame": lambda x: x.gi_frame.f_builtins,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", DANGEROUS)
def test_code_that_names_a_known_effect_is_malicious(name: str, way: str) -> None:
    assert verdict(WAYS[way](DANGEROUS[name])) is MALICIOUS


def changed(position: int, value: Any) -> Any:
    made = code(HARMLESS)
    args = (*made.args[:position], value, *made.args[position + 1 :])
    return call(f"{CLOUD}:_make_function", Call(made.function, args), {}, None, None, None)


FUNCTION = cloud(HARMLESS)
MADE: dict[str, Any] = {
    "called": call(FUNCTION, 1),
    "called with state set": seq(FUNCTION, with_state(FUNCTION), call(FUNCTION, 1)),
    "called inside": call("vendor.lib:apply", [{"f": FUNCTION}]),
    "called by map": call("builtins:list", call("builtins:map", FUNCTION, (1,))),
    "kept by a partial": call("functools:partial", FUNCTION),
    "called through a default": call(call("collections:defaultdict", FUNCTION)),
    "a default handed on": call("vendor.lib:f", call("collections:defaultdict", FUNCTION)),
    "made anew": New(FUNCTION),
    "given items": Put(FUNCTION, "a", 1),
    "as a state setter": seq(
        New("sklearn.preprocessing._function_transformer:FunctionTransformer"),
        Build(New("vendor.lib:Model"), {"__setstate__": FUNCTION}),
    ),
    "state that is no dict": Build(New("vendor.lib:Model"), (1, [FUNCTION])),
    "code replaced": seq(FUNCTION, with_state(FUNCTION, {"__code__": 1})),
    "state of another object": seq(FUNCTION, with_state(glob("vendor.lib:Model"))),
    "another way to state": seq(FUNCTION, call(f"{CLOUD}:_function_setstate", FUNCTION)),
    "another type": seq(FUNCTION, call(f"{CLOUD}:_builtin_type", "ModuleType")),
    "a module that acts": seq(FUNCTION, call(f"{CLOUD}:subimport", "os")),
    "dill's attribute": seq(FUNCTION, call("dill._dill:_import_module", "os.system")),
    "a dangerous global beside": {"f": FUNCTION, "g": glob("os:system")},
    "given a dangerous global": seq(FUNCTION, with_state(FUNCTION, g=glob("builtins:getattr"))),
    "given a maker": seq(FUNCTION, with_state(FUNCTION, g=glob("types:FunctionType"))),
    "given a module of the danger": seq(
        made := cloud(lambda x: m.load(x)), with_state(made, m=call(f"{CLOUD}:subimport", "torch"))
    ),
    "a maker kept only": [FUNCTION, call("vendor.lib:f", glob(f"{CLOUD}:_make_function"))],
    "another maker": seq(FUNCTION, call(f"{CLOUD}:_make_skeleton_class", 1)),
    "cloudpickle.loads": seq(FUNCTION, call("cloudpickle:loads", b"x")),
    "globals of a module": call("dill._dill:_create_function", code(HARMLESS), glob("os:environ")),
    "the namespace changed": seq(dill(HARMLESS), Put(MAIN, "a", 1)),
    "marshalled code": call("types:FunctionType", call("marshal:loads", b"c"), {}),
    "no code": call(f"{CLOUD}:_make_function", 1, {}, None, None, None),
    "odd arity": call(
        f"{CLOUD}:_make_function", Call(code(HARMLESS).function, code(HARMLESS).args[1:]), {}
    ),
    "names that are no tuple": changed(8, ["x"]),
    "names that are computed": changed(8, (call("vendor.lib:f"),)),
    "constants that are computed": changed(7, (call("vendor.lib:f"),)),
    "constants that are a global": changed(7, (glob("vendor.lib:f"),)),
    "text that is code": changed(7, ("import os",)),
    "text that climbs": changed(7, (None, ("a", "x.__subclasses__()"))),
    "bytecode that is text": changed(6, "abc"),
}


@pytest.mark.parametrize("name", MADE)
def test_what_is_called_handed_on_or_not_understood_is_malicious(name: str) -> None:
    assert verdict(MADE[name]) is MALICIOUS


KEPT: dict[str, Any] = {
    "an attribute": Build(New("vendor.lib:Model"), {"fn": FUNCTION}),
    "a default": call("collections:defaultdict", FUNCTION),
    "a default with items": Put(call("collections:defaultdict", FUNCTION), "a", 1),
    "a cell": call(
        f"{CLOUD}:_make_function", code(HARMLESS), {}, "f", None,
        (call(f"{CLOUD}:_make_cell", 3), call(f"{CLOUD}:_make_empty_cell")),
    ),
    "a module": seq(FUNCTION, with_state(FUNCTION, np=call(f"{CLOUD}:subimport", "numpy"))),
    "another function": seq(FUNCTION, with_state(FUNCTION, g=cloud(score)), FUNCTION),
    "constants": cloud(lambda x: (None, 1.5, "a"), python="3.8"),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_harmless_code_that_is_only_kept_stays_suspicious(name: str) -> None:
    assert verdict(KEPT[name]) is SUSPICIOUS


def test_a_finding_says_what_is_known() -> None:
    found = scan_bytes(pickled(FUNCTION), name="model.pkl").findings
    told = [one for one in found if one.rule == "unpickles-again"]

    assert told
    assert all("nothing dangerous is known of that code" in one.message for one in told)
