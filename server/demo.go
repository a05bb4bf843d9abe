package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/signin"
	"github.com/gridward/gridward/server/simulate"
)

// simLogin is the account that the simulator reports incidents with.
const simLogin = "simulator"

// demoMain runs gridward demo: serve, the demo street, and workers who walk it.
func demoMain(ctx context.Context, p process) error {
	c, err := parseServe("demo", p.args, p.env, p.out)
	if err != nil || c.PrintConfig {
		return err
	}
	cameras, err := c.demoCameras()
	if err != nil {
		return err
	}
	if cameras != nil {
		defer cameras.Close()
	}
	return serve(ctx, c, p.errOut, func(ctx context.Context, h *house) error {
		if cameras != nil {
			h.serveHTTP("demo cameras", cameras, simulate.Cameras(h.clock), nil)
		}
		street, err := fixtures.Street()
		if err != nil {
			return err
		}
		if err := postgres.SeedStreet(ctx, h.db, street); err != nil {
			return err
		}
		if err := h.ground.look(ctx); err != nil { // before anybody walks on it
			return err
		}
		hub, err := h.seedWatch(ctx, street)
		if err != nil {
			return err
		}
		fresh, err := seedAccounts(ctx, h.db, street.Posts)
		if err != nil {
			return err
		}
		if err := tellAccounts(p.out, h.conf.Data, fresh); err != nil {
			return err
		}
		coming := false
		if c.History > 0 {
			if coming, err = h.announceHistory(ctx, street); err != nil {
				return err
			}
		}
		if c.Workers > 0 {
			if err := h.simulate(ctx, street); err != nil {
				return err
			}
		}
		if coming {
			h.upkeep.run("demo history", func(ctx context.Context) error { return h.seedHistory(ctx, street) })
		}
		if c.Alarms > 0 {
			if err := h.simulateAlarms(street, hub); err != nil {
				return err
			}
		}
		fmt.Fprintf(p.out, "\n明湖街道 is fictional and illustrative; the roads under it are © OpenStreetMap contributors.\n\n"+
			"  big screen    %s/screen\n  console       %s/console/\n  worker page   %s/m/\n\nCtrl-C stops it; the data stays in %s.\n", h.url, h.url, h.url, h.conf.Data)
		return nil
	})
}

// demoAccount is a login of the demo with the password made for it.
type demoAccount struct{ post, login, name, password string }

// roleNames are the Chinese names of the posts that the demo has.
var roleNames = map[access.Role]string{
	access.Operator: "指挥室值班员", access.Commander: "指挥长", access.Station: "村(社区)服务管理站", access.GridLeader: "网格长", access.GridWorker: "网格员",
	access.GridGuide: "网格指导员", access.Inspector: "联合督查组", access.SysAdmin: "系统管理员", access.SecAdmin: "安全管理员", access.Auditor: "审计管理员",
	access.DeptHead: "职能部门负责人", access.DeptClerk: "职能部门经办",
}

// seedAccounts adds the demo's accounts that are not there yet and returns them
// with their passwords, which nobody can read again.
func seedAccounts(ctx context.Context, db *postgres.DB, posts []fixtures.Post) ([]demoAccount, error) {
	var fresh []demoAccount
	for _, post := range posts {
		_, err := postgres.AccountByLogin(ctx, db.Pool, post.Login)
		if err == nil {
			continue
		}
		if !fault.Is(err, fault.Missing) {
			return nil, err
		}
		role := access.Role(post.Role)
		password, err := addAccount(ctx, db, post.Login, post.Name, post.Worker, post.Org, role)
		if err != nil {
			return nil, fmt.Errorf("add the demo account %s: %w", post.Login, err)
		}
		fresh = append(fresh, demoAccount{roleNames[role], post.Login, post.Name, password})
	}
	return fresh, nil
}

// addAccount adds an account with one post and a random password.
func addAccount(ctx context.Context, db *postgres.DB, login, name, worker, org string, role access.Role) (password string, err error) {
	password = randomPassword()
	account := postgres.Account{Login: login, Name: name, PasswordHash: signin.HashPassword(password)}
	if worker != "" {
		w, err := postgres.WorkerByCode(ctx, db.Pool, worker)
		if err != nil {
			return "", err
		}
		account.Worker = w.ID
	}
	place, err := postgres.OrgByCode(ctx, db.Pool, org)
	if err != nil {
		return "", err
	}
	err = db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		id, err := postgres.InsertAccount(ctx, tx, account)
		if err != nil {
			return err
		}
		return postgres.AddPost(ctx, tx, id, place, role)
	})
	return password, err
}

// tellAccounts prints fresh accounts once and keeps them beside the data, for
// the next start of the demo; a real centre keeps no password anywhere.
func tellAccounts(out io.Writer, data string, fresh []demoAccount) error {
	file := filepath.Join(data, "demo-accounts.txt")
	if len(fresh) == 0 {
		fmt.Fprintf(out, "The demo accounts are those of the first start: see %s\n", file)
		return nil
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 2, 8, 3, ' ', 0)
	fmt.Fprintln(w, "  login\tpassword\tpost\tname")
	for _, a := range fresh {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", a.login, a.password, a.post, a.name)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte("Demo accounts (random passwords, made at the first start)\n\n"+table.String()), 0o600); err != nil {
		return fmt.Errorf("keep the demo accounts: %w", err)
	}
	fmt.Fprintf(out, "\nDemo accounts (also in %s):\n\n%s", file, table.String())
	return nil
}

// simulate lets the demo's workers walk, through the same doors as real phones.
func (h *house) simulate(ctx context.Context, street *fixtures.Demo) error {
	ground, err := simulate.Street()
	if err != nil {
		return fmt.Errorf("read the demo street: %w", err)
	}
	phones, err := provisionPhones(ctx, h.db, h.conf.Workers, "mixed", h.conf.Interval)
	if err != nil {
		return err
	}
	password, err := simulatorPassword(ctx, h.db)
	if err != nil {
		return err
	}
	senders := simulate.Senders(len(phones))
	door := simulate.NewDoor(h.near(), senders, h.trust())
	crowd := simulate.NewCrowd(door, ground, phones, simulate.Options{Interval: h.conf.Interval, Senders: senders, Seed: 1, Shifts: true, Tunnels: true})
	h.upkeep.then("load workers", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		return postgres.RetireLoadWorkers(ctx, h.db.Pool, h.clock())
	})
	h.upkeep.run("simulated workers", crowd.Run)
	if h.conf.Incidents > 0 {
		signIn := func(ctx context.Context) (string, error) { return door.SignIn(ctx, simLogin, password) }
		if err := h.seedCases(ctx); err != nil {
			return err
		}
		h.upkeep.run("simulated incidents", simulate.NewReporter(door, crowd, signIn, h.conf.Incidents, 1).Run)
		if h.conf.Office > 0 {
			if err := h.simulateOffice(ctx, street, door); err != nil {
				return err
			}
		}
	}
	return nil
}

// simulatorPassword gives the simulator's account a new password at each start.
func simulatorPassword(ctx context.Context, db *postgres.DB) (string, error) {
	account, err := postgres.AccountByLogin(ctx, db.Pool, simLogin)
	if fault.Is(err, fault.Missing) {
		return addAccount(ctx, db, simLogin, "模拟上报", "", fixtures.StreetCode, access.Integration)
	}
	if err != nil {
		return "", err
	}
	password := randomPassword()
	return password, postgres.SetPassword(ctx, db.Pool, account.ID, signin.HashPassword(password), false)
}

// trust is the private CA that the simulator's own requests must accept.
func (h *house) trust() *tls.Config {
	if h.root == nil {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(h.root)
	conf := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	if names := splitList(h.conf.Hosts); len(names) > 0 {
		conf.ServerName = names[0]
	}
	return conf
}

// near is the address under which this process reaches itself, whether or not
// the names that others use are known to this machine.
func (h *house) near() string {
	scheme, addr, _ := strings.Cut(h.url, "://")
	if host, _, err := net.SplitHostPort(h.conf.Addr); err == nil && (host == "" || net.ParseIP(host).IsUnspecified()) {
		_, port, _ := net.SplitHostPort(addr)
		addr = net.JoinHostPort("127.0.0.1", port)
	}
	return scheme + "://" + addr
}
