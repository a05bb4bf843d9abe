package uplink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// How long to wait before the broker is tried again: doubled each time, with jitter.
const (
	firstWait = 500 * time.Millisecond
	longWait  = 30 * time.Second
)

// listen subscribes to a broker's topics at least once (QoS 1) and hands every
// message to take. A message is acknowledged to the broker only after take has
// returned without an error. When it fails, the connection is given up and made
// again after a while: the broker keeps what was not acknowledged, for the
// client's name, and sends it again. It returns when ctx ends.
func listen(ctx context.Context, b Broker, take func(ctx context.Context, topic string, payload []byte) error, log func(string, ...any)) error {
	at, err := url.Parse(b.URL)
	if err != nil {
		return errors.New("the broker's address cannot be read") // it may hold a password
	}
	wait := firstWait
	for {
		began := time.Now()
		err := oneConnection(ctx, at, b, take)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > time.Minute {
			wait = firstWait
		}
		log("mqtt: the broker is tried again", "host", at.Host, "in", wait.Round(time.Millisecond).String(), "err", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait/2 + rand.N(wait/2+1)):
		}
		wait = min(2*wait, longWait)
	}
}

// oneConnection lives until the connection is lost, a message cannot be taken, or ctx ends.
func oneConnection(ctx context.Context, at *url.URL, b Broker, take func(context.Context, string, []byte) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	server := *at
	server.User = nil
	switch server.Scheme {
	case "mqtt":
		server.Scheme = "tcp"
	case "mqtts":
		server.Scheme = "ssl"
	}
	o := mqtt.NewClientOptions().AddBroker(server.String()).SetClientID(b.Client).SetCleanSession(false).SetResumeSubs(false).
		SetAutoReconnect(false).SetConnectRetry(false).SetAutoAckDisabled(true).SetOrderMatters(true).
		SetKeepAlive(30 * time.Second).SetPingTimeout(10 * time.Second).SetConnectTimeout(10 * time.Second).SetWriteTimeout(10 * time.Second).
		SetProtocolVersion(4)
	if at.User != nil {
		o.SetUsername(at.User.Username())
		if password, ok := at.User.Password(); ok {
			o.SetPassword(password)
		}
	}
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { cancel(fmt.Errorf("the connection is lost: %w", err)) })
	handle := func(_ mqtt.Client, m mqtt.Message) {
		if ctx.Err() != nil {
			return // not acknowledged: it comes again
		}
		took, done := context.WithTimeout(ctx, 30*time.Second)
		defer done()
		if err := take(took, m.Topic(), m.Payload()); err != nil {
			cancel(fmt.Errorf("take a message of %s: %w", m.Topic(), err))
			return
		}
		m.Ack()
	}
	o.SetDefaultPublishHandler(handle) // what waited may come before the subscription is made anew
	client := mqtt.NewClient(o)
	if err := settle(ctx, client.Connect()); err != nil {
		client.Disconnect(0)
		return fmt.Errorf("connect: %w", err)
	}
	defer client.Disconnect(250)
	filters := map[string]byte{}
	for _, topic := range b.Topics {
		filters[topic] = 1
	}
	if err := settle(ctx, client.SubscribeMultiple(filters, handle)); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// settle waits for what the broker says.
func settle(ctx context.Context, t mqtt.Token) error {
	select {
	case <-t.Done():
		return t.Error()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
