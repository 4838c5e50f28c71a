// Package securitytest holds tests of whole classes of attacks against a running
// server, each named after its class, and the test that keeps docs/security.md true: the
// list of classes names tests, and every one of them has to be there.
package securitytest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// classes are the classes of attacks that the list has to answer for, in its words.
var classes = []string{
	"Assurance level miscomputed", "Forged page tokens and SQL injection", "Session and flow fixation", "Forwarded headers poisoning links",
	"Parser errors that fail open", "Brute force over aliases, flows and nodes", "Lost counter updates", "Lock-out skipped on a sibling path",
	"Lock-out as denial of service", "A step skipped in a flow", "One-time secrets reused or raced", "Tokens not bound to purpose, user or flow",
	"Account-linking takeover", "Disabled things that still work", "Revocation without effect", "Open redirects",
	"XSS through traits, labels, errors, provider names", "HTML and header injection in mail", "CSRF and login CSRF",
	"Device and native flows confused with browser ones", "Hook and template previews", "SCIM", "SAML", "Upstream token validation", "Upstream hint abuse",
	"Reserved claims overwritten", "Lax token formats", "Self-verification and mass assignment", "Sign-up policy bypass",
	"Factor changes without fresh proof", "Enumeration by content and by time", "Cross-tenant access", "Admin routes without authorization",
	"Jsonnet escape", "Limiter keys not normalised", "SSRF", "Secrets in answers or logs", "Identifier look-alikes", "Resource exhaustion",
	"Caches in front of whoami", "Cookie cryptography and rotation under load", "WebAuthn details", "Two sessions in one browser",
}

const (
	page  = "../docs/security.md"
	pages = "../docs/security"
)

var (
	testName   = regexp.MustCompile(`\b((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)(…?)`)
	reference  = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)`")
	definition = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
)

// tests are the names of all tests of the house by their folder, "cardea" for the root.
func tests(t *testing.T) map[string]map[string]bool {
	t.Helper()
	all := map[string]map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		folder := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../")
		if folder == ".." {
			folder = "cardea"
		}
		if all[folder] == nil {
			all[folder] = map[string]bool{}
		}
		for _, m := range definition.FindAllStringSubmatch(string(text), -1) {
			all[folder][m[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// written is what the pages about security say, by file.
func written(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(pages + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range append(files, page) {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[f] = string(text)
	}
	return all
}

func TestEveryTestThatThePagesNameIsThere(t *testing.T) {
	there, anywhere := tests(t), map[string]bool{}
	for _, names := range there {
		for n := range names {
			anywhere[n] = true
		}
	}
	for file, text := range written(t) {
		for _, m := range reference.FindAllStringSubmatch(text, -1) {
			if !there[m[1]][m[2]] {
				t.Errorf("%s: there is no test %s in %s", file, m[2], m[1])
			}
		}
		for _, m := range testName.FindAllStringSubmatch(text, -1) {
			found := anywhere[m[1]]
			for n := range anywhere {
				found = found || m[2] != "" && strings.HasPrefix(n, m[1])
			}
			if !found {
				t.Errorf("%s: there is no test %s", file, m[0])
			}
		}
	}
}

func TestEveryClassIsListedWithItsTests(t *testing.T) {
	rows := map[string]string{}
	for _, line := range strings.Split(written(t)[page], "\n") {
		if cells := strings.Split(line, "|"); len(cells) == 6 {
			rows[strings.TrimSpace(cells[1])] = line
		}
	}
	for _, class := range classes {
		row, ok := rows[class]
		switch {
		case !ok:
			t.Errorf("%q is not in the list", class)
		case strings.Contains(row, "| open"):
		case !reference.MatchString(row):
			t.Errorf("%q is said to be held, and by no test", class)
		}
	}
}

func TestEveryTargetIsListedAsFuzzed(t *testing.T) {
	_, section, _ := strings.Cut(written(t)[page], "\n## What is fuzzed\n")
	section, _, _ = strings.Cut(section, "\n## ")
	listed := map[string]bool{}
	for _, m := range reference.FindAllStringSubmatch(section, -1) {
		listed[m[1]+"."+m[2]] = true
	}
	for folder, names := range tests(t) {
		for name := range names {
			if strings.HasPrefix(name, "Fuzz") && !listed[folder+"."+name] {
				t.Errorf("%s.%s is not in the list", folder, name)
			}
		}
	}
}
