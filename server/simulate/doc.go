// Package simulate holds phones and screens that behave: what a demo shows,
// what a load test loads with, and what the end-to-end tests believe.
//
// A Ground is the road graph of a place and its grids. A Walker moves on it at
// human pace, visits people indoors, takes breaks, and reads a chip that errs
// as chips do; it is pure, it has a seed, and the same seed walks the same way.
// A Crowd gives each walker a phone: fixes are made on an open-loop schedule
// (a slow server does not slow the making of fixes, it lengthens the queue),
// kept until they are acknowledged and sent again until then. A Screen is a
// client of the live socket that checks what it is told: event numbers without
// a gap or a repeat, frames that only go forward. A Replay sends recorded
// tracks in the same way as the phones do.
//
// Nothing here knows the inside of the server. What it sends is what
// docs/protocol.md says a stranger may send.
package simulate
