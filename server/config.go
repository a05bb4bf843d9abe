package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/video"
)

// config is everything serve and demo can be told. It is parsed once, here;
// nothing else reads flags or the environment.
type config struct {
	Addr           string
	DeviceAddr     string
	Data           string
	DatabaseURL    string
	NATSURL        string
	Pool           int
	TLSCert        string
	TLSKey         string
	TLS            string
	Hosts          string
	TrustedProxies string
	MetricsFrom    string
	MapSources     string
	PublicURL      string
	MQTTURL        string
	MQTTTopics     string
	MQTTClient     string
	MQTTSource     string
	VideoGateway   string
	SecretKeyFile  string
	ForgetSecrets  bool
	RawDays        int
	TrackDays      int
	ExportApproval bool
	Tick           time.Duration
	ArchiveAfter   time.Duration
	LogLevel       string
	LogFormat      string
	PrintConfig    bool

	// demo only
	AllowRemote bool
	Workers     int
	Interval    time.Duration
	Incidents   float64
	Alarms      float64
	Office      float64
	History     int // days

	proxies []netip.Prefix
	metrics []netip.Prefix
	level   slog.Level
	demo    bool
	env     func(string) string // where the file of base maps finds its keys
}

// secrets are the settings whose values -print-config hides.
var secrets = map[string]bool{"database-url": true, "nats-url": true, "mqtt-url": true, "video-gateway": true}

// plainNames are flags whose environment variable is the one every tool knows.
var plainNames = map[string]string{"database-url": "DATABASE_URL", "nats-url": "NATS_URL"}

// serveFlags declares the flags of serve, and those of demo where c is the demo's.
func (c *config) serveFlags(fs *flag.FlagSet) {
	fs.StringVar(&c.Addr, "addr", "127.0.0.1:8080", "address of the pages, the API and the device doors")
	fs.StringVar(&c.DeviceAddr, "device-addr", "", "a second, plain HTTP address with the device doors alone, for trackers that cannot do TLS")
	fs.StringVar(&c.Data, "data", "./data", "directory of the private database, the photos and the keys")
	fs.StringVar(&c.DatabaseURL, "database-url", "", "a PostgreSQL with PostGIS of your own instead of the private one")
	fs.StringVar(&c.NATSURL, "nats-url", "", "a NATS of your own, for several nodes")
	fs.IntVar(&c.Pool, "db-conns", 24, "database connections at most")
	fs.StringVar(&c.TLSCert, "tls-cert", "", "certificate file (PEM); with -tls-key")
	fs.StringVar(&c.TLSKey, "tls-key", "", "key file (PEM)")
	fs.StringVar(&c.TLS, "tls", "auto", "auto: plain on loopback, a private CA elsewhere; on: always TLS; proxy: plain, because a configured proxy does TLS")
	fs.StringVar(&c.Hosts, "hosts", "", "names and addresses for the private CA's certificate, comma separated; default: this machine's")
	fs.StringVar(&c.TrustedProxies, "trusted-proxies", "", "proxies whose X-Forwarded-For counts, as CIDR, comma separated")
	fs.StringVar(&c.MetricsFrom, "metrics-from", "", "who besides this machine may read /metrics, as CIDR, comma separated")
	fs.StringVar(&c.MapSources, "map-sources", "", "JSON file of the base maps (see docs/operations.md); default: <data>/map-sources.json if it is there")
	fs.StringVar(&c.PublicURL, "public-url", "", "how people and programs outside reach this house, like https://gridward.example:8443, for the links in messages; default: where it listens")
	fs.StringVar(&c.MQTTURL, "mqtt-url", "", "the broker that alarm devices speak through, like mqtt://user:password@host:1883")
	fs.StringVar(&c.MQTTTopics, "mqtt-topics", "gridward/alarm/#", "topics of alarm devices, comma separated")
	fs.StringVar(&c.MQTTClient, "mqtt-client", "gridward", "our name at the broker, one for each node: it keeps what we have not acknowledged under it")
	fs.StringVar(&c.MQTTSource, "mqtt-source", "mqtt", "the alarm source, of kind mqtt, that the broker's messages count as")
	fs.StringVar(&c.VideoGateway, "video-gateway", "", "where cameras play as HLS, with {stream} in it, like http://10.0.0.5:8080/live/{stream}/index.m3u8")
	fs.StringVar(&c.SecretKeyFile, "secret-key-file", "", "file of the key that seals passwords and signing keys in the database; default: <data>/secret.key, made at the first start; the key itself may stand in GRIDWARD_SECRET_KEY instead")
	fs.BoolVar(&c.ForgetSecrets, "forget-secrets", false, "erase the secrets that the key does not open, because the one that sealed them is lost for good")
	fs.IntVar(&c.RawDays, "raw-days", postgres.RawDays, "days that fixes are kept as they came; then the archive has them, and a day goes when all of it is there")
	fs.IntVar(&c.TrackDays, "track-days", postgres.KeepDays, "days that personal tracks are kept in any form")
	fs.BoolVar(&c.ExportApproval, "export-approval", true, "other people's tracks leave as a file only after somebody else has let them go")
	fs.DurationVar(&c.Tick, "tick", time.Second, "how often screens receive positions")
	fs.DurationVar(&c.ArchiveAfter, "archive-after", incident.ArchiveAfter, "how long after its end a case is sealed into the archive")
	fs.StringVar(&c.LogLevel, "log-level", "info", "debug, info, warn or error")
	fs.StringVar(&c.LogFormat, "log-format", "text", "text or json")
	fs.BoolVar(&c.PrintConfig, "print-config", false, "print the configuration with secrets masked, and exit")
	if c.demo {
		fs.BoolVar(&c.AllowRemote, "allow-remote", false, "let the demo listen on other than loopback addresses")
		fs.IntVar(&c.Workers, "workers", 500, "simulated workers; 0 for none")
		fs.DurationVar(&c.Interval, "interval", 5*time.Second, "how often a simulated worker reports")
		fs.Float64Var(&c.Incidents, "incidents", 4, "simulated incidents a minute")
		fs.Float64Var(&c.Alarms, "alarms", 0.3, "simulated alarms a minute; 0 for none")
		fs.Float64Var(&c.Office, "office", 30, "what simulated offices do to cases in a minute, where incidents are simulated; 0 for nothing")
		fs.IntVar(&c.History, "history", 14, "days of the past that a fresh demo begins with, from the Monday before; 0 for none")
	}
}

// fromEnv gives every flag that args left alone its value from the environment:
// GRIDWARD_<NAME>, or the name in plainNames.
func fromEnv(fs *flag.FlagSet, env func(string) string) error {
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var errs []error
	fs.VisitAll(func(f *flag.Flag) {
		if given[f.Name] {
			return
		}
		name := "GRIDWARD_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value := env(name)
		if plain, ok := plainNames[f.Name]; ok && value == "" {
			name, value = plain, env(plain)
		}
		if value == "" {
			return
		}
		if err := fs.Set(f.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s=%q: %w", name, value, err))
		}
	})
	return errors.Join(errs...)
}

// parseServe reads the flags of serve or demo and reports every problem at once.
func parseServe(name string, args []string, env func(string) string, out io.Writer) (config, error) {
	c := config{demo: name == "demo", env: env}
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(out)
	c.serveFlags(fs)
	if err := fs.Parse(args); err != nil {
		return c, err
	}
	if fs.NArg() > 0 {
		return c, fmt.Errorf("%s takes no argument %q", name, fs.Arg(0))
	}
	if err := errors.Join(fromEnv(fs, env), c.check()); err != nil {
		return c, err
	}
	if c.PrintConfig {
		fs.VisitAll(func(f *flag.Flag) {
			value := f.Value.String()
			if secrets[f.Name] && value != "" {
				value = maskURL(value)
			}
			fmt.Fprintf(out, "%s = %s\n", f.Name, value)
		})
	}
	return c, nil
}

// check validates what single flags cannot.
func (c *config) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for name, addr := range map[string]string{"addr": c.Addr, "device-addr": c.DeviceAddr} {
		if _, _, err := net.SplitHostPort(addr); addr != "" && err != nil {
			bad("-%s %q: want host:port, like 127.0.0.1:8080", name, addr)
		}
	}
	if c.Addr == "" {
		bad("-addr must not be empty")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		bad("-tls-cert and -tls-key go together")
	}
	if c.TLS != "auto" && c.TLS != "on" && c.TLS != "proxy" {
		bad("-tls %q: want auto, on or proxy", c.TLS)
	}
	for _, list := range []struct {
		flag, text string
		into       *[]netip.Prefix
	}{{"trusted-proxies", c.TrustedProxies, &c.proxies}, {"metrics-from", c.MetricsFrom, &c.metrics}} {
		for _, s := range splitList(list.text) {
			p, err := parsePrefix(s)
			if err != nil {
				bad("-%s %q: want a CIDR, like 10.0.0.0/8", list.flag, s)
				continue
			}
			*list.into = append(*list.into, p)
		}
	}
	if c.ArchiveAfter < 0 {
		bad("-archive-after %s: want zero or longer, like 360h", c.ArchiveAfter)
	}
	if c.TLS == "proxy" && len(c.proxies) == 0 {
		bad("-tls proxy needs -trusted-proxies: whose forwarded address may be believed?")
	}
	if c.MQTTURL != "" {
		u, err := url.Parse(c.MQTTURL)
		if err != nil || u.Host == "" || (u.Scheme != "mqtt" && u.Scheme != "mqtts") {
			bad("-mqtt-url: want mqtt://host:1883 or mqtts://host:8883")
		}
		if len(splitList(c.MQTTTopics)) == 0 || c.MQTTClient == "" || c.MQTTSource == "" {
			bad("-mqtt-url needs -mqtt-topics, -mqtt-client and -mqtt-source")
		}
	}
	if _, err := video.ParseGateway(c.VideoGateway); err != nil {
		bad("-video-gateway: %v", err)
	}
	if c.RawDays < 3 || c.RawDays > c.TrackDays || c.TrackDays > 3660 {
		bad("-raw-days %d, -track-days %d: want at least 3 raw days, no more of them than of tracks, and at most ten years", c.RawDays, c.TrackDays)
	}
	if c.Tick < 100*time.Millisecond || c.Tick > 10*time.Second {
		bad("-tick %v: want 100ms to 10s", c.Tick)
	}
	if c.Pool < 4 {
		bad("-db-conns %d: want at least 4", c.Pool)
	}
	if err := c.level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		bad("-log-level %q: want debug, info, warn or error", c.LogLevel)
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		bad("-log-format %q: want text or json", c.LogFormat)
	}
	if c.DatabaseURL != "" {
		if u, err := url.Parse(c.DatabaseURL); err != nil || !isPostgres(u) {
			bad("DATABASE_URL: want postgres://user:password@host:port/database")
		}
	}
	if u, err := url.Parse(c.PublicURL); c.PublicURL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "") {
		bad("-public-url %q: want https://host or https://host:port", c.PublicURL)
	}
	if c.MapSources != "" {
		if _, err := os.Stat(c.MapSources); err != nil {
			bad("-map-sources: %v", err)
		}
	}
	if c.demo {
		if !c.AllowRemote && !loopback(c.Addr) {
			bad("the demo has accounts that anyone may read on its terminal: it listens on loopback only; -allow-remote lifts that")
		}
		if c.Office < 0 || c.Office > 6000 {
			bad("-office %v: want 0 to 6000 a minute", c.Office)
		}
		if c.History < 0 || c.History > 60 {
			bad("-history %d: want 0 to 60 days", c.History)
		}
		if c.Workers < 0 || c.Workers > 200_000 {
			bad("-workers %d: want 0 to 200000", c.Workers)
		}
		if c.Interval < time.Second {
			bad("-interval %v: want at least 1s", c.Interval)
		}
	}
	if abs, err := filepath.Abs(c.Data); err == nil {
		c.Data = abs
	}
	return errors.Join(errs...)
}

// loopback reports whether only this machine can reach addr.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// parsePrefix reads a CIDR, or a single address as the CIDR of itself.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

// mayScrape reports whether the address may read the metrics.
func (c config) mayScrape(from netip.Addr) bool {
	if from = from.Unmap(); from.IsLoopback() {
		return true
	}
	return slices.ContainsFunc(c.metrics, func(p netip.Prefix) bool { return p.Contains(from) })
}

func splitList(s string) []string {
	var out []string
	for p := range strings.SplitSeq(s, ",") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// maskURL hides what is secret in a URL: its password, a user name that stands
// alone where names are tokens (NATS), and passwords among the parameters. Of
// several URLs, with commas between them, each.
func maskURL(s string) string {
	if parts := strings.Split(s, ",nats://"); len(parts) > 1 {
		for i, p := range parts {
			parts[i] = maskURL("nats://" + strings.TrimPrefix(p, "nats://"))
		}
		return strings.Join(parts, ",")
	}
	u, err := url.Parse(s)
	if err != nil || strings.Contains(u.Host+u.Path, "@") {
		return "(set)"
	}
	if _, has := u.User.Password(); !has && u.User != nil && !isPostgres(u) {
		u.User = url.User("xxxxx")
	}
	q := u.Query()
	for name := range q {
		if strings.Contains(strings.ToLower(name), "password") {
			q.Set(name, "xxxxx")
			u.RawQuery = q.Encode()
		}
	}
	return u.Redacted()
}

func isPostgres(u *url.URL) bool { return u.Scheme == "postgres" || u.Scheme == "postgresql" }
