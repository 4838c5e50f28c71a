// Package jose owns keys and signed tokens (RFC 7515, RFC 7517, RFC 7519).
//
// It refuses to choose an algorithm by what a token or a caller says: a key is
// good for the one algorithm that its own "alg" names.
package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Key signs tokens.
type Key struct {
	key jose.JSONWebKey
}

// signing are the algorithms a key may name. "none" is not among them.
var signing = map[string]jose.SignatureAlgorithm{
	"RS256": jose.RS256, "RS384": jose.RS384, "RS512": jose.RS512,
	"PS256": jose.PS256, "PS384": jose.PS384, "PS512": jose.PS512,
	"ES256": jose.ES256, "ES384": jose.ES384, "ES512": jose.ES512,
	"HS256": jose.HS256, "HS384": jose.HS384, "HS512": jose.HS512,
	"EdDSA": jose.EdDSA,
}

// FirstKey reads a JSON Web Key Set and takes its first key: the one that signs
// now. The others are there for those who still check older tokens.
func FirstKey(set []byte) (*Key, error) {
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(set, &keys); err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	if len(keys.Keys) == 0 {
		return nil, errors.New("the key set is empty")
	}
	key := keys.Keys[0]
	if _, ok := signing[key.Algorithm]; !ok {
		return nil, fmt.Errorf("the first key names no algorithm that signs: its alg is %q", key.Algorithm)
	}
	// The library judges no symmetric keys.
	secret, symmetric := key.Key.([]byte)
	if symmetric && len(secret) == 0 || !symmetric && (!key.Valid() || key.IsPublic()) {
		return nil, errors.New("the first key is not a valid private or symmetric key")
	}
	if err := fits(key); err != nil {
		return nil, fmt.Errorf("the first key: %w", err)
	}
	return &Key{key: named(key)}, nil
}

// fits says whether a key can be used with the algorithm that it names.
func fits(key jose.JSONWebKey) error {
	_, err := jose.NewSigner(jose.SigningKey{Algorithm: signing[key.Algorithm], Key: key.Key}, nil)
	return err
}

// named gives an asymmetric key without an id its thumbprint (RFC 7638), so that those
// who check tokens find the key of each while keys change.
func named(key jose.JSONWebKey) jose.JSONWebKey {
	if _, symmetric := key.Key.([]byte); symmetric || key.KeyID != "" {
		return key
	}
	if sum, err := key.Thumbprint(crypto.SHA256); err == nil {
		key.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	}
	return key
}

// PublicSet gives the public halves of a key set for those who check tokens, each as
// JSON. Symmetric keys have none and are left out, and so are keys for encryption.
func PublicSet(set []byte) ([]json.RawMessage, error) {
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(set, &keys); err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	var public []json.RawMessage
	for _, k := range keys.Keys {
		half := named(k.Public()) // invalid for symmetric keys
		if !half.Valid() || !half.IsPublic() || k.Use == "enc" {
			continue
		}
		raw, err := half.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("write a public key: %w", err)
		}
		public = append(public, raw)
	}
	return public, nil
}

// Sign makes a compact JWT of claims, with typ and kid in its header.
func (k *Key) Sign(claims map[string]any) (string, error) {
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", k.key.KeyID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: signing[k.key.Algorithm], Key: k.key.Key}, options)
	if err != nil {
		return "", fmt.Errorf("prepare the key: %w", err)
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

// ECKey is a key on P-256 in PEM (PKCS #8) that signs with ES256 under a key id.
func ECKey(id, pemText string) (*Key, error) {
	block, _ := pem.Decode([]byte(pemText))
	if block == nil {
		return nil, errors.New("the key is not in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the key is not a private key in PKCS #8")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("the key is not one on the curve P-256")
	}
	return &Key{key: jose.JSONWebKey{Key: key, KeyID: id, Algorithm: "ES256"}}, nil
}

// Unverified reads claims of a token that nobody has checked: good for finding out
// who could check it, and for nothing else.
func Unverified(token string, into any) error {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	})
	if err != nil {
		return errors.New("the token cannot be read")
	}
	return parsed.UnsafeClaimsWithoutVerification(into)
}
