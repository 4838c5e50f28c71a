package schema

import (
	"slices"
	"strings"
)

// ErrorText writes violations for operators, as a tree of lines
//
//	I[#/traits/email] S[#/properties/traits/properties/email/format] it is not an e-mail address
//
// with the pointers of the value and of the failed keyword. A single violation
// is one line; several stand below a line for what they have in common, indented
// by two spaces per level. The layout is part of the contract, the words are not.
func ErrorText(violations []Violation) string {
	var b strings.Builder
	writeTree(&b, violations, 0)
	return strings.TrimSuffix(b.String(), "\n")
}

func writeTree(b *strings.Builder, list []Violation, depth int) {
	if len(list) == 0 {
		return
	}
	if len(list) == 1 {
		writeLine(b, depth, instance(list[0]), list[0].Pointer, list[0].Reason)
		return
	}
	path, pointer := instance(list[0]), keywordParent(list[0])
	for _, v := range list[1:] {
		path = common(path, instance(v))
		pointer = common(pointer, keywordParent(v))
	}
	writeLine(b, depth, path, strings.Join(pointer, "/"), "validation failed")
	for len(list) > 0 {
		n := 1
		for n < len(list) && sameBranch(path, instance(list[0]), instance(list[n])) {
			n++
		}
		writeTree(b, list[:n], depth+1)
		list = list[n:]
	}
}

func writeLine(b *strings.Builder, depth int, path []string, pointer, reason string) {
	b.WriteString(strings.Repeat("  ", depth))
	b.WriteString("I[#")
	for _, token := range path {
		b.WriteString("/" + escape(token))
	}
	b.WriteString("] S[" + pointer + "] " + reason + "\n")
}

// instance is the value that failed: for a missing property, its parent.
func instance(v Violation) []string {
	if v.ID == idRequired && len(v.Path) > 0 {
		return v.Path[:len(v.Path)-1]
	}
	return v.Path
}

// keywordParent is the schema that the keyword stands in, as pointer tokens.
func keywordParent(v Violation) []string {
	tokens := strings.Split(v.Pointer, "/")
	return tokens[:max(1, len(tokens)-1)]
}

func common(a, b []string) []string {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return a[:n]
}

// sameBranch says whether two values are below the same child of path.
func sameBranch(path, a, b []string) bool {
	n := len(path) + 1
	return len(a) >= n && len(b) >= n && slices.Equal(a[:n], b[:n])
}
