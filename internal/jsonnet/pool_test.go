package jsonnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// endless runs for days in constant memory.
const endless = `local many = std.range(1, 1000);
local spin(f) = std.foldl(function(a, b) f(b), many, 0);
spin(function(a) spin(function(b) spin(function(c) spin(function(d) d))))`

// patient are limits that a busy machine does not reach by being busy.
var patient = Options{Workers: 1, Timeout: time.Minute, StartTimeout: time.Minute}

func newPool(t testing.TB, o Options) *Pool {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func run(t testing.TB, p *Pool, snippet string, vars Vars) (string, error) {
	t.Helper()
	out, err := p.Evaluate(t.Context(), Program{Filename: "mapper.jsonnet", Snippet: snippet}, vars)
	return string(out), err
}

func kindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

func raw(pairs ...string) map[string]json.RawMessage {
	m := map[string]json.RawMessage{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = json.RawMessage(pairs[i+1])
	}
	return m
}

func mustWork(t *testing.T, p *Pool) {
	t.Helper()
	out, err := run(t, p, `1 + 1`, Vars{})
	if err != nil || out != "2" {
		t.Fatalf("the next evaluation gives %q, %v", out, err)
	}
}

func TestProgramsSeeTheirVariablesAsData(t *testing.T) {
	p := newPool(t, patient)
	for _, c := range []struct {
		name, snippet string
		vars          Vars
		want          string
	}{
		{"an external variable", `{ out: std.extVar('claims').email }`, Vars{ExtVars: raw("claims", `{"email":"a@example.org"}`)}, `{"out":"a@example.org"}`},
		{"a top-level argument", `function(ctx) { id: ctx.id }`, Vars{TLA: raw("ctx", `{"id":7}`)}, `{"id":7}`},
		{"arguments of a program that is no function", `{}`, Vars{TLA: raw("ctx", `1`)}, `{}`},
		{"every type of JSON", `std.extVar('v')`, Vars{ExtVars: raw("v", `[null,true,-1.5e2,"x",{"b":[],"a":{}}]`)}, `[null,true,-150,"x",{"a":{},"b":[]}]`},
		{"no value", `std.extVar('v')`, Vars{ExtVars: map[string]json.RawMessage{"v": nil}}, `null`},
		{"text that looks like Jsonnet", `std.extVar('v')`, Vars{ExtVars: raw("v", `{"$":"' + (import 'x') + %(a)s","self":"$.a"}`)}, `{"$":"' + (import 'x') + %(a)s","self":"$.a"}`},
		{"characters beyond the basic plane", `std.length(std.extVar('v'))`, Vars{ExtVars: raw("v", `"\ud83d\ude00"`)}, `1`},
		{"markup", `std.extVar('v')`, Vars{ExtVars: raw("v", `"<a>&"`)}, `"<a>&"`},
		{"a key that comes twice", `std.extVar('v').a`, Vars{ExtVars: raw("v", `{"a":1,"a":2}`)}, `2`},
		{"an object to add to", `{ a: 1, b: self.a } + std.extVar('v')`, Vars{ExtVars: raw("v", `{"a":2}`)}, `{"a":2,"b":2}`},
		{"calls as deep as the limit allows", `local f(n) = if n == 0 then 0 else 1 + f(n - 1); f(490)`, Vars{}, `490`},
		{"data nested deeply", `std.length(std.toString(std.extVar('v')))`, Vars{ExtVars: raw("v", strings.Repeat("[", 150)+"1"+strings.Repeat("]", 150))}, `301`},
		{"a loop by tail calls", `local f(n) = if n == 0 then 0 else f(n - 1) tailstrict; f(2000)`, Vars{}, `0`},
		{"its file name", `std.thisFile`, Vars{}, `"mapper.jsonnet"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := run(t, p, c.snippet, c.vars)
			if err != nil || got != c.want {
				t.Errorf("got %s, %v; want %s", got, err, c.want)
			}
		})
	}
}

func TestEvaluationsDoNotSeeEachOthersVariables(t *testing.T) {
	p := newPool(t, patient)
	const program = `std.extVar('secret')`
	if _, err := run(t, p, program, Vars{ExtVars: raw("secret", `"s"`)}); err != nil {
		t.Fatal(err)
	}
	if got, err := run(t, p, program, Vars{}); kindOf(err) != Runtime {
		t.Errorf("the variable of an earlier evaluation gives %s, %v", got, err)
	}
}

func TestBadProgramsAreStoppedAndTheNextOneRuns(t *testing.T) {
	loose, tight, terse := patient, patient, patient
	tight.Timeout, terse.MaxOutput = 200*time.Millisecond, 1000
	for _, c := range []struct {
		name    string
		options Options
		snippet string
		want    Kind
	}{
		{"text that does not parse", loose, `{`, Syntax},
		{"an unknown name", loose, `nobody`, Syntax},
		{"an import", loose, `import 'a.libsonnet'`, Syntax},
		{"an import of text", loose, `importstr '/etc/passwd'`, Syntax},
		{"an import of bytes", loose, `importbin '/etc/passwd'`, Syntax},
		{"an import that is never evaluated", loose, `if true then 1 else { a:: [import 'x'] }`, Syntax},
		{"an import in an object's assert", loose, `{ assert std.length(import 'x') > 0 }`, Syntax},
		{"a native function", loose, `std.native('now')()`, Runtime},
		{"endless recursion", loose, `local f(n) = 1 + f(n + 1); f(0)`, Runtime},
		{"an endless object", loose, `local o = { a: o }; o`, Runtime},
		{"source nested too deeply", loose, strings.Repeat("[", 3000) + strings.Repeat("]", 3000), Runtime},
		{"an endless loop", tight, endless, Timeout},
		{"output over the limit", terse, `std.repeat('x', 1000)`, TooLarge},
		{"a string that doubles", loose, `local d(s, n) = if n == 0 then s else d(s + s, n - 1) tailstrict; std.length(d('xxxxxxxx', 40))`, Memory},
		{"a repeated array", loose, `std.length(std.repeat([1, 2, 3, 4], 1000 * 1000 * 1000))`, Memory},
		{"a long array comprehension", loose, `std.foldl(function(a, b) a + b.x, [{ x: i } for i in std.range(1, 100000000)], 0)`, Memory},
		{"a huge array at once", loose, `std.makeArray(2000000000, function(i) i)`, Memory},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPool(t, c.options)
			got, err := run(t, p, c.snippet, Vars{})
			if kindOf(err) != c.want {
				t.Errorf("got %.80q, %v; want kind %s", got, err, c.want)
			}
			p.options.Timeout = loose.Timeout
			mustWork(t, p)
		})
	}
}

func TestSizesAreCheckedBeforeAChildIsAsked(t *testing.T) {
	o := patient
	o.MaxSnippet, o.MaxInput = 10, 10
	p := newPool(t, o)
	for _, c := range []struct {
		name, snippet string
		vars          Vars
		want          Kind
	}{
		{"a long program", `"0123456789"`, Vars{}, TooLarge},
		{"long variables", `1`, Vars{ExtVars: raw("a", `"0123456789"`)}, TooLarge},
		{"long arguments", `1`, Vars{TLA: raw("a", `12345`, "b", `12345`)}, TooLarge},
		{"a variable that is not JSON", `1`, Vars{ExtVars: raw("a", `{x:1}`)}, Input},
		{"a variable that is Jsonnet", `1`, Vars{ExtVars: raw("a", `1 + 1`)}, Input},
		{"an empty variable", `1`, Vars{ExtVars: raw("a", ``)}, Input},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := run(t, p, c.snippet, c.vars); kindOf(err) != c.want {
				t.Errorf("got %v; want kind %s", err, c.want)
			}
		})
	}
	if len(p.idle) != 0 {
		t.Error("a child was started")
	}
}

func TestANumberOutOfRangeIsTheCallersFault(t *testing.T) {
	p := newPool(t, patient)
	_, err := run(t, p, `1`, Vars{ExtVars: raw("a", `1e999`)})
	if kindOf(err) != Input {
		t.Errorf("got %v", err)
	}
}

func TestOwnErrorsAreToldInFullWithTheirPlace(t *testing.T) {
	p := newPool(t, patient)
	vars := Vars{ExtVars: raw("v", `"s3cret"`)}
	for _, c := range []struct {
		name, snippet string
		want          Error
	}{
		{"error", "local a = 1;\nerror 'cancel'", Error{Message: "cancel", Line: 2, Column: 1}},
		{"error with a value", `error 'no: ' + std.extVar('v')`, Error{Message: "no: s3cret", Line: 1, Column: 1}},
		{"error inside a library function", `std.map(function(x) error 'bad', [1])[0]`, Error{Message: "bad", Line: 1, Column: 21}},
		{"error with an object", `error { a: 1 }`, Error{Message: `{"a": 1}`, Line: 1, Column: 1}},
		{"assert with a message", `assert false : 'must'; 1`, Error{Message: "must", Line: 1, Column: 1}},
		{"assert in an object", `{ assert false : 'must', a: 1 }`, Error{Message: "must", Line: 1, Column: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := run(t, p, c.snippet, vars)
			got, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			c.want.Kind, c.want.Raised, c.want.File = Runtime, true, "mapper.jsonnet"
			same := func(a, b Error) bool {
				return a.Kind == b.Kind && a.Message == b.Message && a.Raised == b.Raised && a.File == b.File && a.Line == b.Line && a.Column == b.Column
			}
			if diff := cmp.Diff(c.want, *got, cmp.Comparer(same)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheInterpretersMessagesDoNotQuoteData(t *testing.T) {
	p := newPool(t, patient)
	const secret = "s3cret"
	vars := Vars{ExtVars: raw("v", `"`+secret+`"`, "n", `31337`, "o", `{"`+secret+`":1}`)}
	for _, snippet := range []string{
		`std.parseInt(std.extVar('v'))`,
		`std.parseInt('the parameter must be ' + std.extVar('v'))`,
		`std.parseJson('{' + std.extVar('v'))`,
		`std.parseYaml('{' + std.extVar('v'))`,
		`std.parseHex(std.extVar('v'))`,
		`std.base64Decode(std.extVar('v') + '!')`,
		`std.assertEqual(std.extVar('v'), 'x')`,
		`{}[std.extVar('v')]`,
		`std.extVar(std.extVar('v'))`,
		`{ [x]: 1 for x in [std.extVar('v'), std.extVar('v')] }`,
		`std.format('%(' + std.extVar('v') + ')s', { a: 1 })`,
		`[1][std.extVar('n')]`,
		`[1][std.extVar('n') + 0.5]`,
		`std.char(-std.extVar('n'))`,
		`std.manifestIni({ sections: { [std.extVar('v')]: 1 } })`,
		`std.manifestTomlEx({ [std.extVar('v')]: null }, ' ')`,
		`{ [std.extVar('v')]: function() 1 }`,
		`error std.parseInt(std.extVar('v'))`,
		`assert false : std.parseInt(std.extVar('v')); 1`,
		`{ assert false : { a: std.parseInt(std.extVar('v')) } }`,
		`std.extVar('o').other`,
		`std.extVar('v')()`,
		`std.trace(std.extVar('v'), std.parseInt(std.extVar('v')))`,
	} {
		t.Run(snippet, func(t *testing.T) {
			_, err := run(t, p, snippet, vars)
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Kind != Runtime || e.Raised {
				t.Fatalf("got %v; want a runtime error that the program did not raise", err)
			}
			for _, data := range []string{secret, "31337"} {
				if strings.Contains(fmt.Sprintf("%v %+v", err, *e), data) {
					t.Errorf("the error quotes data: %v", err)
				}
			}
		})
	}
}

func TestTheInterpretersHarmlessMessagesAreTold(t *testing.T) {
	p := newPool(t, patient)
	for _, snippet := range []string{
		`{}.email`,
		`std.extVar('claims')`,
		`1 + {}.a`,
		`std.map(1, [])`,
		`std.length(1)`,
		`1 / 0`,
		`!1`,
		`local f(a) = a; f()`,
		`function(ctx) 1`,
		`std.join(1, [])`,
		`std.substr('a', 0, -1)`,
		`{ a: function() 1 }`,
	} {
		t.Run(snippet, func(t *testing.T) {
			_, err := run(t, p, snippet, Vars{})
			if e, ok := errors.AsType[*Error](err); !ok || e.Kind != Runtime || e.Message == withheld {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestManyEvaluationsAtOnceEachGetTheirOwnAnswer(t *testing.T) {
	o := patient
	o.Workers = 3
	p := newPool(t, o)
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			v := fmt.Sprint(i)
			got, err := run(t, p, `std.extVar('i')`, Vars{ExtVars: raw("i", v)})
			if err != nil || got != v {
				t.Errorf("evaluation %s gives %q, %v", v, got, err)
			}
		})
	}
	wg.Wait()
	if n := len(p.idle); n > o.Workers {
		t.Errorf("%d children, more than %d", n, o.Workers)
	}
}

func TestAChildIsUsedAgainAndParsesAProgramOnce(t *testing.T) {
	p := newPool(t, patient)
	mustWork(t, p)
	first := p.idle[0]
	mustWork(t, p)
	if p.idle[0] != first {
		t.Error("the second evaluation has another child")
	}
	e := newEvaluator(p.options.limits())
	for range 2 {
		e.evaluate(request{Snippet: `1`})
	}
	if len(e.programs) != 1 {
		t.Errorf("%d programs kept", len(e.programs))
	}
}

func TestAChildKeepsABoundedNumberOfPrograms(t *testing.T) {
	e := newEvaluator(patient.limits())
	e.limits.MaxStack, e.limits.MaxOutput = 100, 1<<20
	pad := strings.Repeat(" ", cacheBytes/4)
	for i := range 10 {
		if r := e.evaluate(request{Snippet: fmt.Sprint(i, pad)}); string(r.Output) != fmt.Sprint(i) {
			t.Fatalf("program %d gives %+v", i, r)
		}
		if e.held > cacheBytes || len(e.order) != len(e.programs) {
			t.Fatalf("%d bytes kept in %d programs", e.held, len(e.programs))
		}
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	for name, o := range map[string]Options{
		"negative workers":     {Workers: -1},
		"negative timeout":     {Timeout: -1},
		"memory below a floor": {MemoryLimit: 1},
		"input beyond a frame": {MaxInput: maxRequest},
		"an unknown command":   {Command: []string{"/nowhere/at/all"}},
	} {
		t.Run(name, func(t *testing.T) {
			if p, err := New(o); err == nil {
				p.Close()
				t.Error("accepted")
			}
		})
	}
}

func TestACommandThatIsNoWorkerIsUnavailable(t *testing.T) {
	o := patient
	o.Command = []string{"/proc/self/exe", "-test.run=^$"}
	p := newPool(t, o)
	if _, err := run(t, p, `1`, Vars{}); kindOf(err) != Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestTheEndOfTheContextEndsTheEvaluation(t *testing.T) {
	p := newPool(t, patient)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Evaluate(ctx, Program{Snippet: `1`}, Vars{}); !errors.Is(err, context.Canceled) {
		t.Errorf("before it starts: %v", err)
	}
	mustWork(t, p)
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.Evaluate(ctx, Program{Snippet: endless}, Vars{}); !errors.Is(err, context.DeadlineExceeded) || kindOf(err) != "" {
		t.Errorf("while it runs: %v", err)
	}
	mustWork(t, p)
}

func TestAClosedPoolEvaluatesNothing(t *testing.T) {
	p := newPool(t, patient)
	mustWork(t, p)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { p.Close() })
	}
	wg.Wait()
	if _, err := run(t, p, `1`, Vars{}); kindOf(err) != Unavailable || !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestTheParentReadsNoMoreThanTheLimitWhateverTheChildSends(t *testing.T) {
	p := newPool(t, patient)
	mustWork(t, p)
	p.options.MaxOutput = 1 // the child was told more before
	if _, err := run(t, p, `std.foldl(function(s, _) s + s, std.range(1, 17), 'x')`, Vars{}); kindOf(err) != TooLarge {
		t.Errorf("got %v", err)
	}
	mustWork(t, p)
}
