package access

import (
	"context"
	"time"
)

// Session is a principal that has shown a good credential, and what is known
// of that credential. Doors find it in the request's context, where
// signin's middleware put it.
type Session struct {
	Principal
	Credential int64     // the row in credential; revoking it closes sockets
	MustChange bool      // may do nothing but change its password
	ExpiresAt  time.Time // zero for a kiosk
	IP         string    // the client's address, as far as the proxies can be trusted
}

type sessionKey struct{}

// With returns a context that carries the session.
func With(ctx context.Context, s Session) context.Context {
	return context.WithValue(ctx, sessionKey{}, s)
}

// From returns the session of a request, and whether somebody is signed in.
func From(ctx context.Context) (Session, bool) {
	s, ok := ctx.Value(sessionKey{}).(Session)
	return s, ok
}

// AllPowers lists what p may do anywhere, in the order of the table in this package.
func (p Principal) AllPowers() []Power {
	all := []Power{}
	for _, power := range everyPower {
		if p.Has(power) {
			all = append(all, power)
		}
	}
	return all
}

// everyPower in the order in which pages list them.
var everyPower = []Power{SeeMap, SeePeople, SeeTrack, Report, OnDuty, AnswerSOS, SeeDevices, ManageDevices, ManageUsers, PairKiosk, SeeAudit,
	Triage, Dispatch, Handle, Check, Command, Whistle, AnswerAlarm, SeeVideo, WatchLog, SeeStatistic, KeepVisits, ManageRules, Inspect, Assess}

// MaskFor returns how much of the people of one organisation p is shown.
// Mask is the coarse answer for a whole screen, this one for a single row.
func (p Principal) MaskFor(orgPath string) Mask {
	if p.May(SeePeople, orgPath) {
		return MaskNone
	}
	return MaskPeople
}
