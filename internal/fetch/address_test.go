package fetch

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"testing"
)

func TestPublicAddresses(t *testing.T) {
	tests := map[string]bool{
		"1.1.1.1": true, "8.8.8.8": true, "100.63.255.255": true, "100.128.0.0": true, "172.15.0.1": true, "172.32.0.1": true, "198.17.255.255": true, "223.255.255.255": true,
		"2606:4700:4700::1111": true, "2a00:1450::1": true, "::ffff:8.8.8.8": true, "64:ff9b::808:808": true,

		"0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "100.64.0.1": false, "100.100.100.200": false, "127.0.0.1": false, "127.255.0.1": false,
		"168.63.129.16": false, "169.254.169.254": false, "172.16.0.1": false, "172.31.255.255": false, "192.0.0.192": false, "192.0.2.1": false, "192.88.99.1": false,
		"192.168.1.1": false, "198.18.0.1": false, "198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false, "::127.0.0.1": false,
		"64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b:1::808:808": false, "100::1": false,
		"2001::1": false, "2001:db8::1": false, "2002:7f00:1::": false, "2002:808:808::": false, "3fff::1": false,
		"fc00::1": false, "fd00:ec2::254": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, "ff02::1": false, "4000::1": false,
	}
	g := newGuard()
	for text, want := range tests {
		if got := g.public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is public = %v, want %v", text, got, want)
		}
	}
	if g.public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

func TestGlobs(t *testing.T) {
	tests := []struct {
		glob, url string
		want      bool
	}{
		{"http://127.0.0.1:8080/hook", "http://127.0.0.1:8080/hook", true},
		{"http://127.0.0.1:8080/hook", "http://127.0.0.1:8080/hook?token=x", true},
		{"http://127.0.0.1:8080/hook", "http://user@127.0.0.1:8080/hook", true},
		{"http://127.0.0.1:8080/hook", "HTTP://127.0.0.1:8080/hook", true},
		{"http://127.0.0.1:8080/hook", "http://127.0.0.1:8080/hook/", false},
		{"http://127.0.0.1:8080/hook", "http://127x0.0.1:8080/hook", false},
		{"http://127.0.0.1:8080/hook", "https://127.0.0.1:8080/hook", false},
		{"http://*.internal/*", "http://api.internal/hook", true},
		{"http://*.internal/*", "http://api.internal/hook/deep", false},
		{"http://*.internal/*", "http://a.b.internal/hook", false},
		{"http://*.internal/*", "http://api.internal/hook.json", false},
		{"http://**.internal/**", "http://a.b.internal/deep/hook.json", true},
		{"http://**.internal/**", "http://evil.example/x.internal/y", true}, // why ** does not belong into hosts
		{"http://api.internal/**", "http://api.internal/public/../admin", false},
		{"http://api.internal/**", "http://api.internal/public/%2e%2e/admin", false},
		{"http://host-?.internal/", "http://host-1.internal/", true},
		{"http://host-?.internal/", "http://host-.internal/", false},
		{"http://host-[a-c].internal/", "http://host-b.internal/", true},
		{"http://host-[!a-c].internal/", "http://host-b.internal/", false},
		{"http://host-[!a-c].internal/", "http://host-d.internal/", true},
		{"http{,s}://{a,b*}.internal/", "https://bb.internal/", true},
		{"http{,s}://{a,b*}.internal/", "https://c.internal/", false},
		{`http://a\*.internal/`, "http://a*.internal/", true},
		{`http://a\*.internal/`, "http://ab.internal/", false},
		{"http://a+.(internal)/", "http://aa.internal/", false},
	}
	for _, tt := range tests {
		g, err := compileGlobs([]string{"ftp://never/", tt.glob})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(tt.url)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.match(u); got != tt.want {
			t.Errorf("%s matches %s = %v, want %v", tt.glob, tt.url, got, tt.want)
		}
	}
	for _, bad := range []string{"http://[a", "http://{a,b", "http://[z-a]/"} {
		if _, err := New(Options{Exceptions: []string{bad}}); err == nil {
			t.Errorf("%s is a glob", bad)
		}
	}
}

func TestThePublicDialerReachesNothingPrivate(t *testing.T) {
	dialled := ""
	dial := NewPublicDialer(Options{Dial: func(_ context.Context, _, address string) (net.Conn, error) {
		dialled = address
		return nil, errors.New("nobody is there")
	}})
	for address, want := range map[string]string{
		"127.0.0.1:25": "", "10.0.0.1:25": "", "[::1]:25": "", "169.254.169.254:25": "", "[::ffff:127.0.0.1]:25": "",
		"93.184.216.34:25": "93.184.216.34:25",
	} {
		dialled = ""
		if _, err := dial(t.Context(), "tcp", address); err == nil || dialled != want {
			t.Errorf("dialling %s reached %q with %v, want %q", address, dialled, err, want)
		}
	}
}
