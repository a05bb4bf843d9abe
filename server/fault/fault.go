// Package fault says what an error means to whoever called: five kinds, each
// with one thing the caller can do next.
//
// A fault has a public sentence, which may leave the building, and a private
// cause, which is logged once where the error stops. An error that is not a
// fault is a surprise: doors answer it with a bare 500 and log it.
package fault

import (
	"errors"
	"fmt"
)

// Kind says what the caller can do next.
type Kind string

const (
	Invalid  Kind = "invalid"  // change the request
	Unknown  Kind = "unknown"  // say who you are (sign in again)
	Denied   Kind = "denied"   // ask somebody who may
	Missing  Kind = "missing"  // look elsewhere
	Conflict Kind = "conflict" // read again, then decide
	Busy     Kind = "busy"     // send the same thing later
)

// Fault is an error with a kind and a sentence for the caller.
type Fault struct {
	Kind   Kind
	Public string            // a sentence that says what to do; never a name, a secret or a query
	Fields map[string]string // for Invalid: which field, and what is wrong with it
	Cause  error             // private
}

func (f *Fault) Error() string {
	if f.Cause == nil {
		return f.Public
	}
	return f.Public + ": " + f.Cause.Error()
}

func (f *Fault) Unwrap() error { return f.Cause }

// New makes a fault of the kind with a public sentence.
func New(kind Kind, format string, args ...any) *Fault {
	return &Fault{Kind: kind, Public: fmt.Sprintf(format, args...)}
}

// Because is New with a private cause.
func Because(cause error, kind Kind, format string, args ...any) *Fault {
	return &Fault{Kind: kind, Public: fmt.Sprintf(format, args...), Cause: cause}
}

// At says which field of the request the sentence is about.
func (f *Fault) At(field string) *Fault {
	f.Fields = map[string]string{field: f.Public}
	return f
}

// Of returns the kind of err, or "" when err is nil or no fault.
func Of(err error) Kind {
	var f *Fault
	if errors.As(err, &f) {
		return f.Kind
	}
	return ""
}

// Is reports whether err is a fault of the kind.
func Is(err error, kind Kind) bool { return err != nil && Of(err) == kind }

// Public returns the sentence that may be shown to the caller, and whether there is one.
func Public(err error) (string, bool) {
	var f *Fault
	if errors.As(err, &f) {
		return f.Public, true
	}
	return "", false
}
