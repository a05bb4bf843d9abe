package deadline

import (
	"github.com/google/uuid"
	"github.com/riverqueue/river"
)

// Acks looks, when the limit of a command has come, who has not acknowledged it.
type Acks struct {
	Command uuid.UUID `json:"command"`
}

// Kind names the job in the queue; it may not change while jobs are waiting.
func (Acks) Kind() string { return "command_acks" }

// InsertOpts tries for days: what is late is told, however late.
func (Acks) InsertOpts() river.InsertOpts { return river.InsertOpts{Priority: 2, MaxAttempts: 40} }

// Whistle looks, when a limit of a whistle has come, which departments have
// not responded or are not on the scene.
type Whistle struct {
	ID   uuid.UUID `json:"id"`
	What string    `json:"what"` // postgres.WhistleRespond, postgres.WhistleArrive
}

// Kind names the job in the queue; it may not change while jobs are waiting.
func (Whistle) Kind() string { return "whistle_due" }

// InsertOpts tries for days.
func (Whistle) InsertOpts() river.InsertOpts { return river.InsertOpts{Priority: 2, MaxAttempts: 40} }
