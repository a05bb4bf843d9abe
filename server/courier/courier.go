// Package courier carries news out of the house: to other programs by signed
// webhook, to people by mail, 钉钉 and 企业微信.
//
// Nothing here runs inside a request. The journal is the outbox (docs/adr/0010):
// Post reads each region's journal behind a cursor, and what a channel wants
// becomes a delivery in the transaction that moves the cursor: exactly once. A
// delivery is then sent at least once: it is claimed for the time of a lease,
// sent, and settled; who dies between sending and settling leaves a lease that
// runs out, and the delivery goes again under the same id.
//
// Each channel has a lane of its own, so that a slow receiver holds up nobody
// else. What a channel may carry is decided twice, when the delivery is made
// and when it is sent: its organisation's subtree only, sensitive cases and
// unmasked people only where the channel was opened for them.
package courier

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/seal"
)

// AckPath is where a receipt's token is posted to.
const AckPath = "/api/v1/delivery-ack/"

// KindTrial is the kind of a message on trial.
const KindTrial = "channel.tried"

const (
	batch    = 500                    // journal entries in one transaction
	lease    = 2 * time.Minute        // longer than any attempt
	patience = 15 * time.Second       // for one attempt
	lanes    = 64                     // channels that are sent to at once
	breath   = 250 * time.Millisecond // between two rounds, however often the bell rings
	keep     = 180 * 24 * time.Hour
)

// Deps is what the post is built on.
type Deps struct {
	DB    *postgres.DB
	Clock func() time.Time
	Log   *slog.Logger
	Seal  *seal.Key // opens the channels' secrets
	// PublicURL is how receivers reach this house, without a slash at the end; "" leaves receipts out.
	PublicURL func() string
	// Delivered counts what became of an attempt: sent, failed, dead. It may be nil.
	Delivered func(kind, outcome string)
}

// Post turns the journal into deliveries and sends them.
type Post struct {
	Deps
	bell   chan struct{}
	tokens tokens

	mu   sync.Mutex
	busy map[int64]bool // channels whose lane is running here
}

// New makes a post. Run starts it.
func New(d Deps) *Post {
	if d.Clock == nil {
		d.Clock = time.Now
	}
	if d.Log == nil {
		d.Log = slog.Default()
	}
	if d.PublicURL == nil {
		d.PublicURL = func() string { return "" }
	}
	if d.Delivered == nil {
		d.Delivered = func(string, string) {}
	}
	return &Post{Deps: d, bell: make(chan struct{}, 1), busy: map[int64]bool{}}
}

// Ring says that there may be something to do. It never blocks; a ring that is
// lost costs two seconds.
func (p *Post) Ring() {
	select {
	case p.bell <- struct{}{}:
	default:
	}
}

// Run works until ctx ends, then lets the attempts under way finish.
func (p *Post) Run(ctx context.Context) error {
	var running errgroup.Group
	running.SetLimit(lanes)
	look, tidy := time.NewTicker(2*time.Second), time.NewTicker(time.Hour)
	defer look.Stop()
	defer tidy.Stop()
	for {
		if err := p.round(ctx, &running); err != nil && ctx.Err() == nil {
			p.Log.WarnContext(ctx, "messages wait", "err", err)
		}
		rest := time.NewTimer(breath)
		select {
		case <-ctx.Done():
			rest.Stop()
			return running.Wait()
		case <-rest.C: // a bell that never stops does not keep the database busy
		}
		select {
		case <-ctx.Done():
			return running.Wait()
		case <-p.bell:
		case <-look.C:
		case <-tidy.C:
			if _, err := postgres.ForgetDeliveries(ctx, p.DB.Pool, p.Clock().Add(-keep)); err != nil && ctx.Err() == nil {
				p.Log.WarnContext(ctx, "old deliveries stay", "err", err)
			}
		}
	}
}

// Round does once what there is to do and waits for it.
func (p *Post) Round(ctx context.Context) error {
	var running errgroup.Group
	err := p.round(ctx, &running)
	return errors.Join(err, running.Wait())
}

func (p *Post) round(ctx context.Context, running *errgroup.Group) error {
	collected := p.Collect(ctx)
	due, err := postgres.DueChannels(ctx, p.DB.Pool, p.Clock())
	if err != nil {
		return errors.Join(collected, err)
	}
	for _, channel := range due {
		if !p.enter(channel) {
			continue
		}
		started := running.TryGo(func() error {
			defer p.leave(channel)
			if err := p.lane(ctx, channel); err != nil && ctx.Err() == nil {
				p.Log.WarnContext(ctx, "a channel's messages wait", "channel", channel, "err", err)
			}
			return nil
		})
		if !started { // so many receivers are slow at once: next round
			p.leave(channel)
		}
	}
	return collected
}

func (p *Post) enter(channel int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy[channel] {
		return false
	}
	p.busy[channel] = true
	return true
}

func (p *Post) leave(channel int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.busy, channel)
}

// Collect makes deliveries of what the journals hold and nobody has read yet.
func (p *Post) Collect(ctx context.Context) error {
	regions, err := postgres.CourierBehind(ctx, p.DB.Pool)
	if err != nil {
		return err
	}
	var errs []error
	for _, region := range regions {
		for {
			passed, _, err := p.DB.CollectDeliveries(ctx, region, batch, p.Clock(), wanted)
			if err != nil {
				errs = append(errs, err)
			}
			if err != nil || passed < batch {
				break
			}
		}
	}
	return errors.Join(errs...)
}

// wanted says which channels are told of an entry.
func wanted(ctx context.Context, q postgres.Querier, e journal.Entry, channels []postgres.Channel) ([]postgres.NewDelivery, error) {
	var list []postgres.NewDelivery
	about := factsOf(e)
	asked, delicate := false, false
	for _, c := range channels {
		if !about.wantedBy(c, e) {
			continue
		}
		if !c.People && strings.HasPrefix(e.Kind, "incident.") {
			if !asked {
				var err error
				if delicate, err = postgres.DelicateIncident(ctx, q, e.Subject); err != nil {
					return nil, err
				}
				asked = true
			}
			if delicate {
				continue
			}
		}
		d, err := newDelivery(c.ID, e.Kind)
		if err != nil {
			return nil, err
		}
		d.Region, d.Seq, d.Subject, d.CaseNo, d.Digest = e.Region, e.Seq, e.Subject, about.CaseNo, e.Digest[:]
		list = append(list, d)
	}
	return list, nil
}

// Trial is a message on trial for the channel, to be stored; it takes the same way as any other.
func Trial(channel int64) (postgres.NewDelivery, error) { return newDelivery(channel, KindTrial) }

func newDelivery(channel int64, kind string) (postgres.NewDelivery, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return postgres.NewDelivery{}, err
	}
	hash := make([]byte, sha256.Size) // of no token yet: the first attempt makes it
	_, _ = rand.Read(hash)
	return postgres.NewDelivery{ID: id, Channel: channel, Kind: kind, TokenHash: hash}, nil
}

// token is what the receiver of a delivery acknowledges it with: the same at
// every attempt, without being stored.
func token(ackKey []byte, id uuid.UUID) string {
	mac := hmac.New(sha256.New, ackKey)
	mac.Write(id[:])
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// TokenHash is what is stored of a receipt's token.
func TokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// lane sends what one channel has due, until nothing is.
func (p *Post) lane(ctx context.Context, channel int64) error {
	c, err := postgres.ChannelByID(ctx, p.DB.Pool, channel)
	if err != nil {
		return err
	}
	secrets, ackKey, err := postgres.ChannelSecrets(ctx, p.DB.Pool, channel)
	if err != nil {
		return err
	}
	out, closeOut := sender(locked{}), func() {}
	if err := openSecrets(p.Seal, secrets, &ackKey); err != nil {
		p.Log.ErrorContext(ctx, "a channel's secrets cannot be opened: give it new ones, or start with the key that sealed them", "channel", channel, "err", err)
	} else {
		out, closeOut = p.open(c, secrets)
	}
	defer closeOut()
	for ctx.Err() == nil {
		claims, err := postgres.ClaimDeliveries(ctx, p.DB.Pool, channel, p.Clock(), lease, width(c.Kind))
		if err != nil || len(claims) == 0 {
			return err
		}
		var group errgroup.Group
		for _, claim := range claims {
			// An attempt that began is finished, also when the house closes.
			group.Go(func() error { return p.attempt(context.WithoutCancel(ctx), c, out, claim, ackKey) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// width is how many deliveries of a channel are under way at once. People read
// in the order of arrival; programs have the number.
func width(kind string) int {
	if kind == "webhook" {
		return 4
	}
	return 1
}

// attempt sends one delivery and notes what became of it.
func (p *Post) attempt(ctx context.Context, c postgres.Channel, out sender, claim postgres.Claim, ackKey []byte) error {
	ctx, cancel := context.WithTimeout(ctx, patience+5*time.Second)
	defer cancel()
	secret := token(ackKey, claim.ID)
	var done receipt
	letter, err := p.write(ctx, c, claim, secret)
	if err == nil {
		sending, stop := context.WithTimeout(ctx, patience)
		done, err = out.send(sending, letter)
		stop()
	}
	if err == nil {
		p.Delivered(c.Kind, "sent")
		return postgres.DeliverySent(ctx, p.DB.Pool, claim.ID, p.Clock(), done.note, done.number, TokenHash(secret))
	}
	why := reason(err)
	next := why.next(claim.Attempts, p.Clock())
	outcome := "failed"
	if next == nil {
		outcome = "dead"
	}
	p.Delivered(c.Kind, outcome)
	p.Log.WarnContext(ctx, "a message was not delivered", "channel", c.ID, "kind", c.Kind, "delivery", claim.ID, "attempt", claim.Attempts, "outcome", outcome, "why", why.public, "err", why.private())
	return postgres.DeliveryFailed(ctx, p.DB.Pool, claim.ID, claim.Attempts, why.public, next)
}

// write makes the letter of a delivery from the journal, for this channel as it is now.
func (p *Post) write(ctx context.Context, c postgres.Channel, claim postgres.Claim, secret string) (letter, error) {
	ack := ""
	if base := p.PublicURL(); base != "" {
		ack = strings.TrimRight(base, "/") + AckPath + secret
	}
	if claim.Region == 0 {
		return trialLetter(c, claim, ack), nil
	}
	e, err := postgres.JournalEntry(ctx, p.DB.Pool, claim.Region, claim.Seq)
	if fault.Is(err, fault.Missing) {
		return letter{}, never("记录已不存在，无法发送", nil)
	}
	if err != nil {
		return letter{}, later("数据库暂时无法访问", err)
	}
	switch {
	case e.Body == nil:
		return letter{}, never("记录内容已依法删除，不再发送", nil)
	case !inScope(c, e):
		return letter{}, never("事件已不在该通道的组织范围内，不再发送", nil)
	}
	if !c.People && strings.HasPrefix(e.Kind, "incident.") {
		delicate, err := postgres.DelicateIncident(ctx, p.DB.Pool, e.Subject)
		if err != nil {
			return letter{}, later("数据库暂时无法访问", err)
		}
		if delicate || factsOf(e).Sensitivity == "high" {
			return letter{}, never("涉敏事件不经该通道外发", nil)
		}
	}
	return newLetter(c, e, claim, ack), nil
}
