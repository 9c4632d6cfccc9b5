"""Stacks as text: `parse`, `chain` and `describe`."""

import functools
import re
import sys

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies as st
from test_stacks import make, stacks

import cases
import stepwrap
from stepwrap import chain, describe, optimizers, parse, wrappers
from stepwrap.core import stack
from stepwrap.text.grammar import MOST_STAGES
from stepwrap.text.source import LONGEST


@keras.saving.register_keras_serializable(package="tests")
class Holder(stepwrap.OptimizerWrapper):
    """A user's wrapper that keeps any value."""

    def __init__(self, inner_optimizer, value=None, name=None):
        super().__init__(inner_optimizer, name=name)
        self.value = value


pytestmark = pytest.mark.backend_free("torch")  # which makes optimizers fastest

USERS = {"averaged": cases.AveragedGradient, "halved": cases.HalvedStep, "holder": Holder}


@pytest.fixture(scope="module", autouse=True)
def users_names():
    """Names for the classes of the tests; `stepwrap.OptimizerWrapper` has none."""
    for name, cls in USERS.items():
        wrappers.register(name, cls)
    optimizers.register("sign_descent", cases.SignDescent)
    cases.WRAPPERS.update(USERS)  # where random stacks take them from
    yield
    for name in USERS:
        wrappers.unregister(name)
        del cases.WRAPPERS[name]
    optimizers.unregister("sign_descent")


def config(optimizer):
    """Its config, without the numbers that Keras counts names with."""
    return _uncounted(keras.optimizers.serialize(optimizer))


def _uncounted(value):
    if isinstance(value, dict):
        value = {key: _uncounted(one) for key, one in value.items()}
        if isinstance(value.get("name"), str):
            value["name"] = re.sub(r"_\d+$", "", value["name"])
    elif isinstance(value, list | tuple):
        return list(map(_uncounted, value))
    return value


def text_of(optimizer):
    described = describe(optimizer)
    assert described is not None
    return described


# parse


def adam(**arguments):
    return keras.optimizers.Adam(0.01, **arguments)


def clipped(inner, **arguments):
    return stepwrap.ClippedOptimizer(inner, **arguments)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("adam(0.01)", adam),
        ("adam", keras.optimizers.Adam),
        ("adam()", keras.optimizers.Adam),
        ("  adam ( 0.01 , beta_1 = .5 )\n", lambda: adam(beta_1=0.5)),
        (
            "adam(1e-2) | normalized('l1', scope='layer') | l4(fraction=0.25)",
            lambda: stepwrap.L4Wrapper(
                stepwrap.NormalizedOptimizer(adam(), "l1", scope="layer"), fraction=0.25
            ),
        ),
        ("(adam(0.01)\n|\nl4)", lambda: stepwrap.L4Wrapper(adam())),
        (
            "l4mom | clipped(clipnorm=2)",
            lambda: clipped(stepwrap.L4Mom(), clipnorm=2),
        ),
        ("adam(0.01, name='mine')", lambda: adam(name="mine")),
        ("adam(learning_rate=+1e-2, use_ema=True)", lambda: adam(use_ema=True)),
        ("sgd | holder({'a': [1, -2.5, 'é']})", lambda: Holder("sgd", {"a": [1, -2.5, "é"]})),
        ("sign_descent(0.1, weight_decay=0.2)", lambda: cases.SignDescent(0.1, weight_decay=0.2)),
        (
            "adam(0.01) | l4 | loss_scale_optimizer(initial_scale=8.0)",
            lambda: stepwrap.LossScaleOptimizer(stepwrap.L4Wrapper(adam()), initial_scale=8.0),
        ),
        (
            "sgd(exponential_decay(0.1, decay_steps=10, decay_rate=.5), momentum=0.9)",
            lambda: keras.optimizers.SGD(
                keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5), momentum=0.9
            ),
        ),
        (
            "sgd(learning_rate=piecewise_constant_decay([1, 2], [.1, .2, .3]))",
            lambda: keras.optimizers.SGD(
                keras.optimizers.schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2, 0.3])
            ),
        ),
    ],
)
def test_a_text_is_what_it_says(text, made):
    assert config(parse(text)) == config(made())


def test_a_warning_about_an_escape_is_none_of_the_user_s(recwarn):
    assert parse("sgd | holder('\\d')").value == "\\d"
    assert not recwarn.list


@pytest.mark.parametrize(
    ("text", "error", "words"),  # ^ in the text: where the caret belongs
    [
        ("adam | ^clip", ValueError, ["'clip' is no wrapper", "Did you mean 'clipped'?"]),
        ("^addam | clipped", ValueError, ["'addam' is no base optimizer", "'adam'?", "'sgd'"]),
        ("^clipped", ValueError, ["a wrapper, which needs a base: `adam | clipped`"]),
        ("adam | ^sgd", ValueError, ["a base optimizer, which stands first"]),
        ("adam(name='éß') | ^clip", ValueError, ["no wrapper"]),
        ("adam(\n  0.01,\n) | ^clip", ValueError, ["no wrapper"]),
        ("adam(\r\n0.01) | ^clip", ValueError, ["no wrapper"]),
        ("sgd(\t.1) | ^clip", ValueError, ["no wrapper"]),
        (
            "adam | clipped(^norm=1)",
            TypeError,
            [
                "no argument `norm`",
                "Did you mean 'clipnorm'?",
                "'normalization', 'clipnorm', 'scope'",
            ],
        ),
        ("adam | clipped(^inner_optimizer='sgd')", TypeError, ["no argument `inner_optimizer`"]),
        ("adam(0.1, ^learning_rate=0.2)", TypeError, ["given the argument `learning_rate` twice"]),
        ("adam(beta_1=0, ^beta_1=0)", TypeError, ["given the argument `beta_1` twice"]),
        ("adam | clipped('l2', 1., 'layer', 'x', ^5)", TypeError, ["at most 4 arguments"]),
        ("adam(^cosine_decay(0.1))", TypeError, ["`cosine_decay` needs a value for 'decay_steps'"]),
        ("adam(^cosine(0.1))", ValueError, ["no learning rate schedule", "'cosine_decay'"]),
        ("adam(cosine_decay(^cosine_decay(1)))", ValueError, ["Expected a number"]),
        ("adam([^cosine_decay(1, 2)])", ValueError, ["Expected a number"]),
        ("adam | ^clipped(clipnorm=-1)", ValueError, ["`clipnorm` must be", "clipnorm=-1"]),
        (
            "adam | ^clipped(clipnorm='1') | l4",
            TypeError,
            ["`clipnorm` must", "'1' of type str"],
        ),
        ("adam | ^clipped(clipnorm=0x" + "f" * 300 + ")", ValueError, ["too large"]),
        ("^adam('x')", ValueError, ["learning_rate"]),
        ("^adam(clipnorm=1., clipvalue=1.)", ValueError, ["Only one of"]),
        ("adam | loss_scale_optimizer | ^clipped", ValueError, ["Put the loss scaler outside"]),
        ("adam | clipped(^l1)", ValueError, ["Expected a number", "in quotes: 'l1'"]),
        ("adam | clipped(clipnorm=^2 ** 3)", ValueError, ["Expected a number"]),
        ("adam | clipped(^-'l1')", ValueError, ["Expected a number"]),
        ("adam | holder([1, {2: ^...}])", ValueError, ["Expected a number"]),
        ("adam | holder(^b'x')", ValueError, ["Expected a number"]),
        ("adam | holder(^1j)", ValueError, ["Expected a number"]),
        ("adam | holder(^{[]: 1})", ValueError, ["Expected a number"]),
        ("adam(^*[0.1])", ValueError, ["Expected a number"]),
        ("adam(^**{})", ValueError, ["written out"]),
        ("^adam + clipped", ValueError, ["Expected a name", "`|`"]),
        ("adam | (^clipped | l4)", ValueError, ["Expected a name"]),
        ("^'adam' | clipped", ValueError, ["Expected a name"]),
        ("adam |^", ValueError, ["This is none: invalid syntax"]),
        ("adam |^| clipped", ValueError, ["This is none: invalid syntax"]),
        ("adam^(0.1 | clipped", ValueError, ["'(' was never closed"]),
        ("adam | ^\0", ValueError, ["no text can have"]),
        ("adam | ^\udc80", ValueError, ["no text can have"]),
        ("sgd" + " | clipped" * (MOST_STAGES - 1) + " | ^clipped", ValueError, ["100 stages"]),
    ],
)
def test_an_error_shows_the_place(text, error, words):
    before, after = text.split("^")
    with pytest.raises(error) as caught:
        parse(before + after)
    message, line, place = shown(caught.value)
    assert all(word in message for word in words), message
    before, after = (part.replace("\r", "\n").split("\n") for part in (before, after))
    plain = str.maketrans("\t\0\udc80", "   ")
    if len(before[-1] + after[0]) < 60:
        assert line == f"    {before[-1]}{after[0]}".translate(plain)
        assert place == 4 + len(before[-1])
    else:
        assert line[place:].rstrip(".") in after[0] and line[:place].endswith(before[-1][-50:])


def shown(error):
    """The message, the line of the text, and where the caret is."""
    *message, line, caret = str(error).split("\n")
    assert caret.strip() == "^"
    return "\n".join(message), line, caret.index("^")


def test_of_a_long_line_the_part_around_the_place_is_shown():
    with pytest.raises(ValueError) as caught:
        parse("sgd | holder([" + "1, " * 100 + "x" + ", 2" * 100 + "])")
    _, line, place = shown(caught.value)
    assert line[place] == "x" and len(line) < 140
    assert line.startswith("    ...") and line.endswith("...")


def test_the_error_of_a_constructor_is_the_cause():
    with pytest.raises(ValueError) as caught:
        parse("adam | clipped(clipnorm=-1)")
    cause = caught.value.__cause__
    assert str(cause).startswith("`clipnorm` must be") and "\n" not in str(cause)


def test_whatever_a_constructor_raises_is_an_error_of_the_text():
    class Failing(stepwrap.OptimizerWrapper):
        def __init__(self, inner_optimizer, error, name=None):
            raise {"key": KeyError, "type": TypeError, "run": RuntimeError}[error]

    wrappers.register("failing", Failing)
    try:
        for argument, kind in {"key": ValueError, "run": ValueError, "type": TypeError}.items():
            with pytest.raises(kind) as caught:
                parse(f"sgd | failing({argument!r})")
            assert shown(caught.value)[0] in ("KeyError", "RuntimeError", "TypeError")
    finally:
        wrappers.unregister("failing")


@pytest.mark.parametrize("text", [None, 5, b"adam", ["adam"], keras.optimizers.SGD])
def test_what_is_no_text_is_refused(text):
    with pytest.raises(TypeError, match="must be a string, such as"):
        parse(text)


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_text_is_refused(text):
    with pytest.raises(ValueError, match=r"is empty\. Write at least a base, such as 'adam'"):
        parse(text)


def test_a_text_that_is_too_long_is_refused():
    with pytest.raises(ValueError, match=r"may have 10,000 characters\. Received: 10,001"):
        parse("sgd" + " " * (LONGEST - 3) + "#")
    assert config(parse("sgd" + " " * (LONGEST - 4) + "#")) == config(keras.optimizers.SGD())


# No code runs from a text.

ATTACKS = [
    "__import__('os').system('touch {canary}')",
    "adam(__import__('os').system('touch {canary}'))",
    "adam(0.1) | __import__('os')",
    "open('{canary}', 'w')",
    "adam(open('{canary}', 'w'))",
    "adam(name=open('{canary}', 'w').write('x'))",
    "adam | clipped(exec('open(\\'{canary}\\', \\'w\\')'))",
    "eval('1')",
    "exec('import this')",
    "adam(eval('1'))",
    "adam(f\"{{open('{canary}', 'w')}}\")",
    "adam(f'{{1}}')",
    "adam(lambda: open('{canary}', 'w'))",
    "(lambda: adam)()",
    "[open('{canary}', 'w') for _ in [1]]",
    "adam([open('{canary}', 'w') for _ in [1]])",
    "adam({{open('{canary}', 'w'): 1}})",
    "adam(learning_rate := open('{canary}', 'w'))",
    "adam(learning_rate=(yield))",
    "adam(await x)",
    "().__class__.__bases__[0].__subclasses__()",
    "adam(().__class__)",
    "adam.__init__.__globals__['sys']",
    "adam.__class__",
    "adam(0.1).__class__",
    "__builtins__",
    "__class__",
    "adam | __doc__",
    "adam | clipped.__mro__",
    "adam(**__builtins__)",
    "adam(*open('{canary}', 'w'))",
    "adam(1 if open('{canary}', 'w') else 2)",
    "adam(1 < 2)",
    "adam(not 1)",
    "adam(~1)",
    "adam(10 ** 10 ** 10)",
    "adam('a' * 10 ** 10)",
    "adam('%s' % open('{canary}', 'w'))",
    "adam('x'[0])",
    "sgd | holder(1 + 2j)",
    "sgd | holder(1 + 2)",
    "sgd | holder({{1, 2}})",
    "sgd | holder(set())",
    "adam | keras.layers.Lambda",
    "keras.optimizers.Adam()",
    "adam(deserialize({{'module': 'builtins', 'class_name': 'eval'}}))",
    "adam(learning_rate={{'module': 'os', 'class_name': 'system', 'config': 'touch {canary}'}})",
    "adam | normalized(inner_optimizer={{'class_name': '__lambda__', 'config': {{}}}})",
    "adam | normalized({{'class_name': '__lambda__', 'config': {{'value': 'x'}}}})",
    "import os",
    "adam; open('{canary}', 'w')",
    "adam\nopen('{canary}', 'w')",
    "adam if open('{canary}', 'w') else sgd",
    "adam or open('{canary}', 'w')",
    "adam @ clipped",
    "adam ^ clipped",
    "adam |= clipped",
    "a" * LONGEST,
    "(" * 5000,
    "[" * 190 + "]" * 190,
    "adam(" + "[" * 150 + "]" * 150 + ")",
    "adam(" * 150 + ")" * 150,
    "adam(" + "-" * 5000 + "1)",
    "adam(" + "not " * 2000 + "1)",
    "adam" + ".a" * 4000,
    "adam" + "[0]" * 3000,
    "sgd" + "|l4" * 3000,
    "sgd" + "|l4" * 500,
    "sgd | clipped(clipnorm=" + "9" * 5000 + ")",
    "sgd | clipped(clipnorm=0x" + "f" * 5000 + ")",
    "sgd | clipped(clipnorm=1e9999)",
    "sgd | clipped('" + "l" * 5000 + "')",
    "sgd | clipped('\\ud800')",
    "sgd | clipped('\\N{{no such sign}}')",
    "adam(0777)",
    "adam(1if 1else 2)",
    "# -*- coding: rot13 -*-\nnqnz",
    "\ufeffadam(x)",
]


class Audit:
    """What Python's interpreter reports of what it does, while it is on."""

    events = None

    @classmethod
    @functools.cache
    def start(cls):
        def hook(event, arguments):
            if cls.events is not None:
                cls.events.append(event)

        sys.addaudithook(hook)

    def __enter__(self):
        self.start()
        Audit.events = self.seen = []
        return self

    def __exit__(self, *error):
        Audit.events = None


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_no_code_runs_from_a_text(attack, tmp_path):
    canary = tmp_path / "canary"
    text = attack.replace("{canary}", str(canary)).replace("{{", "{").replace("}}", "}")
    modules = set(sys.modules)
    with Audit() as audit, pytest.raises((TypeError, ValueError)) as caught:
        parse(text)
    assert type(caught.value) in (TypeError, ValueError)
    assert not canary.exists()
    assert set(sys.modules) == modules
    assert not [event for event in audit.seen if event in FORBIDDEN], audit.seen


FORBIDDEN = ("exec", "import", "open", "os.system", "subprocess.Popen", "marshal.loads")


def test_the_audit_would_see_code_that_runs(tmp_path):
    with Audit() as audit:
        eval(f"open({str(tmp_path / 'canary')!r}, 'w')").close()
    assert {"exec", "open"} <= set(audit.seen)


def refused_or_parsed(text):
    """Nothing but the two kinds of error ever comes out."""
    try:
        assert isinstance(parse(text), keras.optimizers.Optimizer)
        return True
    except (TypeError, ValueError) as error:
        assert type(error) in (TypeError, ValueError)
        return False


@hypothesis.given(st.text(alphabet=st.characters(codec=None), max_size=50))
def test_any_text_is_refused_or_parsed(text):
    refused_or_parsed(text)


TOKENS = [
    *("adam", "sgd", "muon", "clipped", "normalized", "l4", "loss_scale_optimizer", "keras_lamb"),
    *(
        "cosine_decay",
        "name",
        "learning_rate",
        "clipnorm",
        "scope",
        "steps",
        "__import__",
        "lambda",
    ),
    *("|", "(", ")", "=", ",", "[", "]", "{", "}", ":", "-", "+", "*", "**", ".", ":=", "\n", "#"),
    *("1", "0.1", "1e999", "-1", "0", "'l2'", "'layer'", "''", '"', "'", "None", "True", "f'{x}'"),
    *("é", "\0", "\\", "await", "if", "else", "for", "in", "...", "1j", "b'x'", "\t", "not"),
]


@hypothesis.given(st.lists(st.sampled_from(TOKENS), max_size=20), st.sampled_from(["", " "]))
def test_any_tokens_are_refused_or_parsed(tokens, separator):
    refused_or_parsed(separator.join(tokens))


VALID = [
    "adam(0.01, beta_1=0.5) | clipped('l1', clipnorm=2.0, scope='layer') | l4(fraction=0.25)",
    "sgd(cosine_decay(0.1, 100), momentum=0.9) | gradient_accumulation(3) | loss_scale_optimizer",
    "l4adam(max_learning_rate=None) | normalized('std') | skip_non_finite(7)",
]


@hypothesis.given(st.sampled_from(VALID), st.randoms(use_true_random=False))
def test_any_change_of_a_text_is_refused_or_parsed(text, chance):
    assert refused_or_parsed(text)
    characters = list(text)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(characters))
        change = chance.choice(["remove", "insert", "replace", "swap"])
        if change == "remove":
            del characters[place]
        elif change == "insert":
            characters.insert(place, chance.choice(TOKENS))
        elif change == "replace":
            characters[place] = chance.choice("()[]{}|=,.'\"-_ 019ae\n")
        else:
            other = chance.randrange(len(characters))
            characters[place], characters[other] = characters[other], characters[place]
    refused_or_parsed("".join(characters))


# chain


def test_stages_may_be_texts_optimizers_classes_and_functions():
    expected = config(parse("adam(0.01) | clipped | normalized('l1') | l4 | gradient_accumulation"))
    l1 = functools.partial(stepwrap.NormalizedOptimizer, normalization="l1")
    for stages in [
        ("adam(0.01) | clipped | normalized('l1') | l4 | gradient_accumulation",),
        ("adam(0.01) | clipped", "normalized('l1') | l4", "gradient_accumulation"),
        (adam(), stepwrap.ClippedOptimizer, l1, "l4()", stepwrap.GradientAccumulation),
        ("adam(0.01)", lambda inner: clipped(inner), l1, "l4", "gradient_accumulation"),
    ]:
        assert config(chain(*stages)) == expected


def test_a_single_optimizer_is_a_chain():
    optimizer = adam()
    assert chain(optimizer) is optimizer


@pytest.mark.parametrize(
    ("stages", "error", "words"),
    [
        ((), TypeError, ["needs at least one stage"]),
        (("addam",), ValueError, ["Stage 1 of `chain`: 'addam' is no base", "\n    ^"]),
        (
            ("adam", "l4 | clip"),
            ValueError,
            ["Stage 2", "'clip' is no wrapper", "\n         ^"],
        ),
        (("adam", "sgd"), ValueError, ["Stage 2", "a base optimizer, which stands first"]),
        ((keras.optimizers.Adam,), TypeError, ["Stage 1", "or an optimizer, such as"]),
        ((None,), TypeError, ["Stage 1", "Received: None of type NoneType"]),
        (("adam", "l4", adam()), TypeError, ["Stage 3", "Expected a text", "of type Adam"]),
        (("adam", 3), TypeError, ["Stage 2", "Received: 3 of type int"]),
        (("adam", str), TypeError, ["Stage 2", "<class 'str'> returned no optimizer, but"]),
        (
            ("adam", "l4", lambda inner: clipped(inner, clipnorm=0)),
            ValueError,
            ["Stage 3", "`clipnorm`"],
        ),
        (("adam", ""), ValueError, ["Stage 2", "is empty"]),
    ],
)
def test_an_error_names_the_stage(stages, error, words):
    with pytest.raises(error) as caught:
        chain(*stages)
    assert all(word in str(caught.value) for word in words), caught.value


# describe


def has_a_text(optimizer):
    """Whether nothing in the stack has no name."""
    unnamed = ("OptimizerWrapper", "MultiOptimizer")
    return not any(type(member).__name__ in unnamed for member in stack.walk(optimizer))


@pytest.mark.parametrize("wrap", cases.WRAPPERS.values(), ids=cases.WRAPPERS)
def test_what_is_described_is_parsed_to_the_same(wrap):
    for base in cases.BASE_OPTIMIZERS.values():
        try:
            optimizer = wrap(base())
        except ValueError as error:
            refusals = "use_ema", "would decay the weights once more", "computes weights"
            assert any(words in str(error) for words in refusals)
            continue
        text = describe(optimizer)
        assert (text is not None) == has_a_text(optimizer)
        if text is not None:
            assert config(parse(text)) == config(optimizer)
            assert describe(parse(text)) == text


@hypothesis.given(stacks(cases.BASE_OPTIMIZERS))
def test_any_stack_that_is_described_is_parsed_to_the_same(serialized):
    optimizer = make(serialized)
    text = describe(optimizer)
    assert (text is not None) == has_a_text(optimizer)
    if text is not None:
        assert config(parse(text)) == config(optimizer)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text().filter(lambda key: key != "class_name") | st.integers(), inner)
    ),
    max_leaves=10,
)


@hypothesis.given(values.filter(lambda value: value is not None))
def test_any_value_that_is_a_literal_comes_back(value):
    given = repr(value)  # TensorFlow replaces the lists in it by its own
    text = text_of(Holder("sgd", value))
    assert repr(plain(parse(text).value)) == given


def plain(value):
    """Python's own lists, tuples and dictionaries in place of those that backends track."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    for kind in (list, tuple):
        if isinstance(value, kind):
            return kind(map(plain, value))
    return value


@hypothesis.given(st.floats(0, allow_infinity=True, width=32))
def test_any_learning_rate_comes_back(rate):
    optimizer = keras.optimizers.SGD(rate)
    assert config(parse(text_of(optimizer))) == config(optimizer)


@hypothesis.given(st.integers(1, 999_999), st.integers(-30, 20))
def test_learning_rates_are_as_short_as_they_were_written(digits, exponent):
    rate = float(f"{digits}e{exponent}")
    hypothesis.assume(rate != 0.01)
    assert text_of(keras.optimizers.SGD(rate)) == f"sgd(learning_rate={rate!r})"


def test_a_float_that_is_in_no_variable_keeps_every_digit():
    tenth = float(np.float32(0.1))
    assert text_of(stepwrap.ClippedOptimizer("sgd", clipnorm=tenth)) == (
        "sgd | clipped(clipnorm=0.10000000149011612)"
    )
    assert text_of(keras.optimizers.SGD(tenth)) == "sgd(learning_rate=0.1)"


def test_a_learning_rate_in_float64_keeps_every_digit(float64):
    keras.config.set_floatx("float64")
    try:
        assert text_of(keras.optimizers.SGD(0.123456789012345)) == (
            "sgd(learning_rate=0.123456789012345)"
        )
    finally:
        keras.config.set_floatx("float32")


def test_numbers_of_numpy_are_plain_numbers():
    optimizer = keras.optimizers.Adam(beta_1=np.float64(0.5), beta_2=np.float32(0.25))
    assert text_of(optimizer) == "adam(beta_1=0.5, beta_2=0.25)"


@pytest.mark.parametrize(
    "text",
    [
        "adam",
        "adamw(learning_rate=0.002, weight_decay=0.01)",
        "l4adam(fraction=0.25)",
        "l4mom | clipped",
        "muon",
        "muon(exclude_layers=['out'])",
        "sgd(learning_rate=cosine_decay(initial_learning_rate=0.1, decay_steps=100, alpha=0.5))",
        "sgd(learning_rate=piecewise_constant_decay(boundaries=[1, 2], values=[0.1, 0.2, 0.3]))",
        "adam(learning_rate=0.01) | normalized(normalization='l1') | l4 | loss_scale_optimizer",
        "sgd | loss_scale_optimizer(initial_scale=8.0, dynamic_growth_steps=5)",
        "adam(name='mine') | clipped(clipnorm=0.5, name='clip')",
        "sgd(learning_rate=1e-07, momentum=0.9, nesterov=True)",
        "sgd(learning_rate=1e999)",
        "sign_descent(learning_rate=0.5, clipvalue=-1e999)",
        "sgd | holder(value=('é\\\\d\\n', [-1, True], {'a': (1,)}, ()))",
    ],
)
def test_a_canonical_text_is_described_as_it_is(text):
    if text.split("(")[0] not in optimizers.names() and "|" not in text:
        pytest.skip("an older Keras has not all")
    assert describe(parse(text)) == text


def test_nothing_is_printed_unless_it_is_asked_for(capsys):
    assert describe(parse("adam | l4")) == "adam | l4"
    assert describe(stepwrap.OptimizerWrapper("sgd")) is None
    assert capsys.readouterr().out == ""
    assert describe(parse("adam | l4"), show=True) == "adam | l4"
    assert capsys.readouterr().out.startswith("L4Wrapper\n")
    with pytest.raises(TypeError, match="`show` must be True or False"):
        describe(parse("adam"), show="tree")


# repr


@pytest.mark.parametrize("wrap", cases.WRAPPERS.values(), ids=cases.WRAPPERS)
def test_an_optimizer_is_shown_as_its_text(wrap):
    for base in ("adam", "sgd(0.1, momentum=0.9)"):
        optimizer = wrap(base)
        if has_a_text(optimizer):
            assert repr(optimizer) == str(optimizer) == describe(optimizer)
            assert repr(stepwrap.LossScaleOptimizer(optimizer)) == (
                f"{describe(optimizer)} | loss_scale_optimizer"
            )


@pytest.mark.parametrize(
    ("optimizer", "shown"),
    [
        (stepwrap.L4Adam, "l4adam"),
        (lambda: stepwrap.OptimizerWrapper("sgd"), "OptimizerWrapper(<SGD>)"),
        (
            lambda: stepwrap.Lookahead(stepwrap.NormalizedOptimizer("sgd", halve)),
            "Lookahead(NormalizedOptimizer(<SGD>))",
        ),
        (lambda: stepwrap.Lookahead.__new__(stepwrap.Lookahead), "<Lookahead>"),
        (
            lambda: stepwrap.LossScaleOptimizer(Holder("sgd", b"1")),
            "LossScaleOptimizer(Holder(<SGD>))",
        ),
    ],
)
def test_an_optimizer_without_a_text_is_shown_by_the_names_of_its_classes(optimizer, shown):
    assert repr(optimizer()) == shown


@pytest.mark.skipif("MultiOptimizer" not in cases.BASE_OPTIMIZERS, reason="an older Keras")
def test_a_branch_is_shown_as_its_class():
    optimizer = stepwrap.Lookahead(cases.BASE_OPTIMIZERS["MultiOptimizer"]())
    assert repr(optimizer) == "Lookahead(<MultiOptimizer>)"
    by_function = keras.optimizers.MultiOptimizer(lambda variable: keras.optimizers.SGD())
    assert repr(stepwrap.Lookahead(by_function)) == "Lookahead(<MultiOptimizer>)"


def test_an_optimizer_is_shown_while_it_is_compiled():
    """Where the learning rate has no value, so that there may be no text."""
    optimizer = stepwrap.NormalizedOptimizer("sgd")
    variables = cases.variables()
    optimizer.build(variables)
    seen = []

    def function(x):
        seen.append(repr(optimizer))
        return x

    cases.compiled(function)(keras.ops.ones(()))
    assert all("sgd" in shown.lower() or "NormalizedOptimizer" in shown for shown in seen) and seen


# Texts for inner optimizers.


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: stepwrap.Lookahead("adam(0.01) | normalized"),
            "adam(0.01) | normalized | lookahead",
        ),
        (lambda: stepwrap.Lookahead("ranger"), "ranger | lookahead"),
        (
            lambda: stepwrap.NormalizedOptimizer("lookahead_adam", "l1"),
            "lookahead_adam | normalized('l1')",
        ),
        (lambda: stepwrap.LearningRateDropout("L4Adam"), "l4adam | learning_rate_dropout"),
        (lambda: stepwrap.Lookahead("lamb"), "lamb | lookahead"),
        (lambda: stepwrap.Lookahead("Lamb"), "lamb | lookahead"),
        (lambda: stepwrap.Lookahead("sign_descent(0.5)"), "sign_descent(0.5) | lookahead"),
        (lambda: stepwrap.Lookahead("tests>SignDescent"), "sign_descent | lookahead"),
    ],
)
def test_an_inner_optimizer_may_be_a_text(make, text):
    class LookaheadAdam(keras.optimizers.Adam):
        pass

    optimizers.register("lookahead_adam", LookaheadAdam, package="tests")
    try:
        assert config(make()) == config(parse(text))
    finally:
        optimizers.unregister("lookahead_adam")


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("adam | clip", ValueError, ["'clip' is no wrapper", "\n    adam | clip\n           ^"]),
        ("adam(rate=1)", TypeError, ["no argument `rate`", "\n         ^"]),
        ("adam | gradient_accumulation", ValueError, ["must stand outermost"]),
        ("", ValueError, ["is empty"]),
    ],
)
def test_an_error_in_an_inner_text_names_the_argument_and_the_place(text, error, words):
    with pytest.raises(error) as caught:
        stepwrap.NormalizedOptimizer(text)
    if "gradient_accumulation" not in text:
        words = ["`inner_optimizer`, given as a text", *words]
    assert all(word in str(caught.value) for word in words), caught.value


def test_an_argument_of_the_base_of_an_inner_text_points_there():
    with pytest.raises(TypeError, match=r"`Lookahead\(Adam\(beta_1=0.5\), ...\)`"):
        stepwrap.Lookahead("Adam(0.1) | normalized", beta_1=0.5)


# Spellings.


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Adam", "adam"),
        ("RMSprop | Normalized", "rmsprop | normalized"),
        ("SGD | NormalizedOptimizer | Lookahead", "sgd | normalized | lookahead"),
        ("L4Adam | GradientNoise", "l4adam | gradient_noise"),
        ("RAdam | SWA", "radam | stochastic_weight_average"),
        ("sgd | swa(average_period=3)", "sgd | stochastic_weight_average(average_period=3)"),
        ("ADAM | EMA", "adam | moving_average"),
        ("sgd | L4Wrapper | LossScaleOptimizer", "sgd | l4 | loss_scale_optimizer"),
        (
            "SGD(CosineDecay(0.1, 10))",
            "sgd(learning_rate=cosine_decay(initial_learning_rate=0.1, decay_steps=10))",
        ),
    ],
)
def test_names_may_be_written_in_other_ways(text, canonical):
    assert describe(parse(text)) == canonical


def test_names_that_keras_chose_are_left_out():
    for _ in range(2):
        optimizer = stepwrap.NormalizedOptimizer(stepwrap.ClippedOptimizer("rmsprop"))
        assert text_of(optimizer) == "rmsprop | clipped | normalized"
    named = stepwrap.ClippedOptimizer(keras.optimizers.SGD(name="sgd_of_mine"), name="clip_2")
    assert text_of(named) == "sgd(name='sgd_of_mine') | clipped(name='clip_2')"


def test_the_learning_rate_is_the_present_one():
    optimizer = stepwrap.parse("sgd | clipped")
    optimizer.learning_rate = 0.25
    assert text_of(optimizer) == "sgd(learning_rate=0.25) | clipped"


def test_a_step_changes_nothing_in_the_text():
    optimizer = parse("adam | normalized | l4")
    variables = cases.variables()
    cases.apply(optimizer, cases.gradients(variables), variables)
    assert text_of(optimizer) == "adam | normalized | l4"


def test_the_tree(capsys):
    described = "sign_descent(0.1) | holder('x', name='mine') | clipped('l1') | halved"
    describe(parse(described), show=True)
    assert (
        capsys.readouterr().out
        == """\
HalvedStep
└── ClippedOptimizer
    │   normalization='l1', clipnorm=1.0, scope='variable'
    └── Holder
        │   value='x'
        └── SignDescent
                learning_rate=0.1, weight_decay=None, clipnorm=None, global_clipnorm=None,
                clipvalue=None, use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None,
                loss_scale_factor=None, gradient_accumulation_steps=None
"""
    )


def test_the_tree_has_every_hyperparameter(capsys):
    stacked = cases.WRAPPERS["stack"]("adam")
    for optimizer in (stacked, *(base() for base in cases.BASE_OPTIMIZERS.values())):
        describe(optimizer, show=True)
        printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
        for member in stack.walk(optimizer):
            if isinstance(optimizer, stepwrap.L4Adam | stepwrap.L4Mom) and member is not optimizer:
                continue  # what it has inside is no hyper-parameter
            nested = {"name", "inner_optimizer", "optimizer_map"}
            for name in member.get_config().keys() - nested:
                assert f"{name}=" in printed


@pytest.mark.skipif("MultiOptimizer" not in cases.BASE_OPTIMIZERS, reason="an older Keras")
def test_the_parts_of_a_multi_optimizer_are_branches(capsys):
    optimizer = stepwrap.ClippedOptimizer(cases.BASE_OPTIMIZERS["MultiOptimizer"]())
    assert describe(optimizer, show=True) is None
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "ClippedOptimizer",
        "│   normalization='l2', clipnorm=1.0, scope='variable'",
        "└── MultiOptimizer",
        "    │   loss_scale_factor=None",
    ]
    assert "    ├── '.*bias': Adam" in lines and "    └── otherwise: SGD" in lines
    assert lines[-1] == "No text form: MultiOptimizer branches, and a text does not."


def halve(gradient):
    return gradient / 2


@pytest.mark.parametrize(
    ("optimizer", "shown", "reason"),
    [
        (
            lambda: stepwrap.NormalizedOptimizer("sgd", halve),
            "normalization=<halve>",
            "`normalization` of `normalized` is halve, which no text can hold",
        ),
        (
            lambda: stepwrap.NormalizedOptimizer("sgd", eval("lambda gradient: gradient")),
            "normalization=<<lambda>>",
            "`normalization` of `normalized` is <lambda>, which no text can hold",
        ),
        (
            lambda: keras.optimizers.SGD(halve),
            "learning_rate=<halve>",
            "`learning_rate` of `sgd` is halve, which no text can hold",
        ),
        (
            lambda: keras.optimizers.SGD(cases_schedule()),
            "learning_rate=<Constant>",
            "`learning_rate` of `sgd` is Constant, which no text can hold",
        ),
        (
            lambda: Holder("sgd", b"1"),
            "value=<bytes>",
            "`value` of `holder` is bytes, which no text can hold",
        ),
        (
            lambda: Holder("sgd", float("nan")),
            "value=<float>",
            "`value` of `holder` is not a number, which no text can hold",
        ),
        (
            lambda: stepwrap.OptimizerWrapper("sgd"),
            "OptimizerWrapper",
            "OptimizerWrapper has no name; `@stepwrap.wrappers.register` gives one",
        ),
        (
            lambda: type("Mine", (keras.optimizers.SGD,), {})(),
            "Mine",
            "Mine has no name; `@stepwrap.optimizers.register` gives one",
        ),
    ],
)
def test_without_a_text_the_last_line_says_why(optimizer, shown, reason, capsys, recwarn):
    optimizer = optimizer()
    assert describe(optimizer, show=True) is None
    lines = capsys.readouterr().out.splitlines()
    assert any(shown in line for line in lines[:-1])
    assert lines[-1] == f"No text form: {reason}."
    assert not recwarn.list


def cases_schedule():
    class Constant(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1

        def get_config(self):
            return {}

    return Constant()


@pytest.mark.parametrize("optimizer", ["adam", None, keras.optimizers.Adam])
def test_what_is_no_optimizer_is_not_described(optimizer):
    with pytest.raises(TypeError, match="`optimizer` must be a Keras optimizer or a wrapper"):
        describe(optimizer)
