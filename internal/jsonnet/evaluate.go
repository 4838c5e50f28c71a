package jsonnet

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/google/go-jsonnet"
)

// evaluator is the interpreter inside a child.
type evaluator struct {
	limits   limits
	wording  wording
	programs map[programKey]*compiled
	order    []programKey // oldest first
	held     int          // bytes of source behind programs
}

// cacheBytes bounds the source behind the parsed programs that a child keeps; the
// trees take many times as much.
const cacheBytes = 64 << 10

type programKey [sha256.Size]byte

func keyOf(filename, snippet string) programKey {
	h := sha256.New()
	fmt.Fprintf(h, "%d:", len(filename))
	io.WriteString(h, filename)
	io.WriteString(h, snippet)
	return programKey(h.Sum(nil))
}

func newEvaluator(l limits) *evaluator {
	return &evaluator{limits: l, wording: newWording(), programs: map[programKey]*compiled{}}
}

func (e *evaluator) evaluate(r request) response {
	output, failed := e.run(r)
	if failed != nil {
		return response{Failure: failed}
	}
	return response{Output: output}
}

func (e *evaluator) run(r request) (json.RawMessage, *failure) {
	program, failed := e.program(r.Filename, r.Snippet)
	if failed != nil {
		return nil, failed
	}
	vm := jsonnet.MakeVM()
	vm.MaxStack = e.limits.MaxStack
	vm.SetTraceOut(io.Discard)
	vm.Importer(noImports{})
	for name, value := range r.ExtVars {
		node, err := literal(value)
		if err != nil {
			return nil, badVariable(name, err)
		}
		vm.ExtNode(name, node)
	}
	for name, value := range r.TLA {
		node, err := literal(value)
		if err != nil {
			return nil, badVariable(name, err)
		}
		vm.TLANode(name, node)
	}
	text, err := vm.Evaluate(program.root)
	if err != nil {
		return nil, e.wording.failure(program, err)
	}
	return e.compact(text)
}

func badVariable(name string, err error) *failure {
	return &failure{Kind: Input, Message: fmt.Sprintf("variable %q %v", name, err)}
}

func (e *evaluator) compact(text string) (json.RawMessage, *failure) {
	var b bytes.Buffer
	if json.Compact(&b, []byte(text)) != nil {
		return nil, &failure{Kind: Runtime, Message: "the output is not JSON"}
	}
	if b.Len() > e.limits.MaxOutput {
		return nil, &failure{Kind: TooLarge, Message: outputTooLarge().Message}
	}
	return b.Bytes(), nil
}

// program parses a snippet, or remembers it. Snippets that do not parse are not
// remembered.
func (e *evaluator) program(filename, snippet string) (*compiled, *failure) {
	key := keyOf(filename, snippet)
	if c, ok := e.programs[key]; ok {
		return c, nil
	}
	c, failed := compile(filename, snippet)
	if failed != nil || c.size > cacheBytes {
		return c, failed
	}
	for e.held+c.size > cacheBytes {
		oldest := e.order[0]
		e.order = slices.Delete(e.order, 0, 1)
		e.held -= e.programs[oldest].size
		delete(e.programs, oldest)
	}
	e.programs[key] = c
	e.order = append(e.order, key)
	e.held += c.size
	return c, nil
}

// noImports stands behind the check at compile time.
type noImports struct{}

var errNoImports = errors.New("imports are not available")

func (noImports) Import(string, string) (jsonnet.Contents, string, error) {
	return jsonnet.Contents{}, "", errNoImports
}
