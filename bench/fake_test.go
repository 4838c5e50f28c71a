package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
)

// TestMain lets the test binary stand in for the programs that the benchmark
// starts: itself as the bare server, and the server under test.
func TestMain(m *testing.M) {
	command := ""
	if len(os.Args) > 1 {
		command = os.Args[1]
	}
	switch command {
	case bareCommand:
		exit(serveBare(os.Stdin, os.Stdout))
	case "migrate":
		exit(fakeMigrate(os.Args[2:]))
	case "serve":
		exit(fakeServe(os.Args[2:]))
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector would make every child linger for a second
	os.Exit(m.Run())
}

func fakeMigrate(args []string) error {
	if len(args) != 5 || strings.Join(args[:4], " ") != "sql -e --yes -c" {
		return fmt.Errorf("unexpected arguments %q", args)
	}
	path, _, _ := strings.Cut(strings.TrimPrefix(os.Getenv("DSN"), "sqlite://"), "?")
	return os.WriteFile(path, nil, 0o600)
}

// fakeServe listens where the configuration says, until it is asked to end.
func fakeServe(args []string) error {
	if len(args) != 3 || args[0] != "-c" || args[2] != "--dev" {
		return fmt.Errorf("unexpected arguments %q", args)
	}
	config, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	_, after, _ := strings.Cut(string(config), "base_url: http://")
	public, after, _ := strings.Cut(after, "/")
	_, after, _ = strings.Cut(after, "base_url: http://")
	admin, _, _ := strings.Cut(after, "/")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ended := make(chan error, 2)
	for addr, handler := range map[string]http.Handler{public: fakeAPI("http://" + public), admin: fakeAdmin()} {
		listener, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		server := http.Server{Handler: handler}
		go func() { ended <- server.Serve(listener) }()
		go func() { <-ctx.Done(); server.Close() }()
	}
	if err := <-ended; err != http.ErrServerClosed {
		return err
	}
	return nil
}

// fakeAdmin creates nobody, and lists somebody.
func fakeAdmin() http.Handler {
	const somebody = `{"id":"00000000-0000-4000-8000-000000000000","traits":{"email":"a@example.test"}}`
	mux := http.NewServeMux()
	mux.HandleFunc("GET /admin/identities", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "["+somebody+"]") })
	mux.HandleFunc("GET /admin/identities/{id}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, somebody) })
	mux.HandleFunc("POST /admin/identities", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) })
	mux.HandleFunc("PATCH /admin/identities", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Identities []struct{} }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
		fmt.Fprint(w, strings.Repeat(`{"action":"create"}`, len(in.Identities)))
	})
	return mux
}

const (
	fakeSessionCookie = "ory_kratos_session"
	fakeCSRFCookie    = "csrf_token_fake"
)

// fakeAPI answers the endpoints that the benchmark uses. It keeps no state:
// every flow exists, and a token carries its own proof, so it outlives a restart.
func fakeAPI(base string) http.Handler {
	mux := http.NewServeMux()
	for _, kind := range []string{"login", "registration", "settings"} {
		mux.HandleFunc("GET /self-service/"+kind+"/api", func(w http.ResponseWriter, _ *http.Request) {
			writeFakeFlow(w, base, kind, "")
		})
		mux.HandleFunc("GET /self-service/"+kind+"/browser", func(w http.ResponseWriter, _ *http.Request) {
			token := rand.Text()
			http.SetCookie(w, &http.Cookie{Name: fakeCSRFCookie, Value: token, Path: "/", HttpOnly: true})
			writeFakeFlow(w, base, kind, token)
		})
		mux.HandleFunc("POST /self-service/"+kind, fakeSubmit)
	}
	mux.HandleFunc("GET /self-service/login/flows", func(w http.ResponseWriter, _ *http.Request) {
		writeFakeFlow(w, base, "login", "")
	})
	mux.HandleFunc("GET /sessions/whoami", func(w http.ResponseWriter, r *http.Request) {
		token := r.Header.Get("X-Session-Token")
		if cookie, err := r.Cookie(fakeSessionCookie); err == nil && token == "" {
			token = cookie.Value
		}
		if !validFakeToken(token) {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	mux.HandleFunc("GET /sessions", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("DELETE /self-service/logout/api", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /health/", func(http.ResponseWriter, *http.Request) {})
	return mux
}

func writeFakeFlow(w http.ResponseWriter, base, kind, csrf string) {
	id := rand.Text()[:8] + "-0000-4000-8000-" + rand.Text()[:12]
	json.NewEncoder(w).Encode(map[string]any{
		"id": id,
		"ui": map[string]any{
			"action": base + "/self-service/" + kind + "?flow=" + id,
			"nodes": []any{map[string]any{
				"attributes": map[string]any{"name": "csrf_token", "value": csrf},
			}},
		},
	})
}

// fakeSubmit accepts the benchmark's password, holds browsers to their
// anti-CSRF token, and answers each client in its own way.
func fakeSubmit(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Method, Identifier, Password string
		CSRFToken                    string `json:"csrf_token"`
		Traits                       struct{ Email string }
	}
	err := json.NewDecoder(r.Body).Decode(&in)
	named := strings.HasSuffix(in.Identifier+in.Traits.Email, "@example.test")
	proved := in.Method == "password" && in.Password == password || in.Method == "profile" && validFakeToken(r.Header.Get("X-Session-Token"))
	if err != nil || !proved || !named || len(r.FormValue("flow")) != flowIDLength {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if in.Method == "profile" {
		fmt.Fprint(w, `{"state":"success"}`)
		return
	}
	token := newFakeToken()
	csrf, err := r.Cookie(fakeCSRFCookie)
	switch {
	case err != nil:
		fmt.Fprintf(w, `{"session_token":%q}`, token)
	case csrf.Value != in.CSRFToken:
		w.WriteHeader(http.StatusForbidden)
	default:
		http.SetCookie(w, &http.Cookie{Name: fakeSessionCookie, Value: token, Path: "/"})
		fmt.Fprint(w, `{"session":{}}`)
	}
}

func newFakeToken() string {
	body := rand.Text()[:20]
	return "ory_st_" + body + fakeProof(body)
}

func validFakeToken(token string) bool {
	body, ok := strings.CutPrefix(token, "ory_st_")
	return ok && len(body) == 32 && body[20:] == fakeProof(body[:20])
}

func fakeProof(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:6])
}
