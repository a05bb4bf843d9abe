// Package seal keeps secrets that must be used again (a mail server's password,
// the key that signs a webhook) so that whoever reads the database, or a backup
// of it, does not read them: AES-256-GCM under one key of the house, which lies
// elsewhere. A sealed value says which key sealed it, and what it is for is
// part of the seal: the password of a mail server cannot be put where a
// webhook's key stands.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Size is how many bytes a key has.
const Size = 32

// What a sealed value is for.
const (
	ChannelSecret = "channel."       // and the secret's name
	ChannelAckKey = "channel_ack"    // makes the tokens of receipts
	AlarmSource   = "alarm_source"   // signs what an alarm system says
	mark          = "sealed:1:"      // then the key's name, a colon, and nonce and text in base64
	named         = "gridward seal " // before a key, when its name is made
)

// ErrOtherKey says that a value was sealed with a key that is not this one.
var ErrOtherKey = errors.New("sealed with another key")

// Key seals and opens.
type Key struct {
	name string
	aead cipher.AEAD
}

// NewKey makes a key of Size random bytes.
func NewKey(raw []byte) (*Key, error) {
	if len(raw) != Size {
		return nil, fmt.Errorf("the secret key has %d bytes, want %d", len(raw), Size)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, fmt.Errorf("use the secret key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("use the secret key: %w", err)
	}
	sum := sha256.Sum256(append([]byte(named), raw...))
	return &Key{name: hex.EncodeToString(sum[:4]), aead: aead}, nil
}

// Parse reads a key as it is written down: Size bytes in base64 or hex.
func Parse(text string) (*Key, error) {
	text = strings.TrimSpace(text)
	if raw, err := hex.DecodeString(text); err == nil {
		return NewKey(raw)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("the secret key is neither base64 nor hex: want 32 bytes, like `openssl rand -base64 32` makes them")
	}
	return NewKey(raw)
}

// Fresh makes a key and how it is written down.
func Fresh() (*Key, string) {
	raw := make([]byte, Size)
	_, _ = rand.Read(raw)   // it never fails
	key, err := NewKey(raw) // the size is right
	if err != nil {
		panic(err)
	}
	return key, base64.StdEncoding.EncodeToString(raw)
}

// Name tells one key from another and gives nothing away.
func (k *Key) Name() string { return k.name }

// Seal closes a value. An empty one stays empty: there is no secret.
func (k *Key) Seal(purpose, value string) string {
	if value == "" {
		return ""
	}
	nonce := make([]byte, k.aead.NonceSize())
	_, _ = rand.Read(nonce)
	return mark + k.name + ":" + base64.RawStdEncoding.EncodeToString(k.aead.Seal(nonce, nonce, []byte(value), []byte(purpose)))
}

// Open opens a value. One that was never sealed is returned as it is: the next
// start seals it.
func (k *Key) Open(purpose, value string) (string, error) {
	name, text, ok := split(value)
	if !ok {
		return value, nil
	}
	if name != k.name {
		return "", ErrOtherKey
	}
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(raw) < k.aead.NonceSize() {
		return "", errors.New("a sealed value is damaged")
	}
	n := k.aead.NonceSize()
	plain, err := k.aead.Open(nil, raw[:n], raw[n:], []byte(purpose))
	if err != nil {
		return "", errors.New("a sealed value is damaged, or stands where it does not belong")
	}
	return string(plain), nil
}

// By is the name of the key that sealed the value; ok is false where it is not sealed.
func By(value string) (name string, ok bool) {
	name, _, ok = split(value)
	return name, ok
}

func split(value string) (name, text string, ok bool) {
	rest, ok := strings.CutPrefix(value, mark)
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, ":")
}
