package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/signin"
)

const userUsage = `usage: gridward user add LOGIN -role ROLE[,ROLE…] [flags]
       gridward user passwd LOGIN [flags]

add makes an account: the first administrator, too. passwd gives one a new
password, lifts a lock and ends its sessions. The password is made at random,
printed once, and must be changed at the first sign-in; with -password-stdin it
is read from the first line of the input and stays.

Roles: %s
`

// userMain runs gridward user.
func userMain(ctx context.Context, p process) error {
	fs := flag.NewFlagSet("user", flag.ContinueOnError)
	fs.SetOutput(p.errOut)
	fs.Usage = func() {
		names := []string{}
		for _, r := range accountRoles() {
			names = append(names, string(r))
		}
		fmt.Fprintf(p.errOut, userUsage+"\n", strings.Join(names, " "))
		fs.PrintDefaults()
	}
	name := fs.String("name", "", "add: the person's name; default the login")
	roles := fs.String("role", "", "add: roles, comma separated")
	org := fs.String("org", "", "add: code or name of the organisation of the roles; default the topmost one")
	worker := fs.String("worker", "", "add: number (工号) of the worker that this person is")
	fromStdin := fs.Bool("password-stdin", false, "read the password from the first line of the input")
	open := databaseFlags(fs)
	words, err := parseMixed(fs, p)
	if err != nil {
		return err
	}
	if len(words) != 2 || words[0] != "add" && words[0] != "passwd" {
		fs.Usage()
		return errors.New("add or passwd, and one login, are wanted")
	}
	u := userJob{login: strings.ToLower(strings.TrimSpace(words[1])), name: *name, org: *org, worker: *worker, out: p.out}
	if u.login == "" || len(u.login) > 60 || strings.ContainsAny(u.login, " \t\n\x00") {
		return fmt.Errorf("%q cannot be a login: up to 60 characters without spaces", words[1])
	}
	for _, r := range strings.Split(*roles, ",") {
		if r = strings.TrimSpace(r); r != "" {
			u.roles = append(u.roles, access.Role(r))
		}
	}
	if u.password, err = choosePassword(p.in, *fromStdin, u.login); err != nil {
		return err
	}
	u.random = !*fromStdin
	if words[0] == "add" {
		if err := u.check(); err != nil {
			return err
		}
	}
	db, shut, err := open(ctx)
	if err != nil {
		return err
	}
	if words[0] == "add" {
		err = u.add(ctx, db)
	} else {
		err = u.passwd(ctx, db)
	}
	return errors.Join(err, shut())
}

// userJob is what the command line asks for.
type userJob struct {
	login, name, org, worker string
	roles                    []access.Role
	password                 string
	random                   bool
	out                      io.Writer
}

// accountRoles are the roles that a person can hold.
func accountRoles() []access.Role {
	return slices.DeleteFunc(access.Roles(), func(r access.Role) bool { return r == access.KioskRole })
}

func (u *userJob) check() error {
	if len(u.roles) == 0 {
		return errors.New("-role is missing: without one the account may do nothing")
	}
	for _, r := range u.roles {
		if !slices.Contains(accountRoles(), r) {
			return fmt.Errorf("there is no role %q for a person", r)
		}
	}
	if u.name == "" {
		u.name = u.login
	}
	return nil
}

func (u *userJob) add(ctx context.Context, db *postgres.DB) error {
	account := postgres.Account{Login: u.login, Name: u.name, PasswordHash: signin.HashPassword(u.password), MustChange: u.random}
	if u.worker != "" {
		w, err := postgres.WorkerByCode(ctx, db.Pool, u.worker)
		if err != nil {
			return err
		}
		account.Worker = w.ID
	}
	org, err := postgres.OrgByCode(ctx, db.Pool, u.org)
	if fault.Is(err, fault.Missing) && u.org == "" {
		return errors.New("there is no organisation yet: run  gridward import orgs FILE  first")
	}
	if err != nil {
		return err
	}
	err = db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		id, err := postgres.InsertAccount(ctx, tx, account)
		if err != nil {
			return err
		}
		for _, role := range u.roles {
			if err := postgres.AddPost(ctx, tx, id, org, role); err != nil {
				return err
			}
		}
		return postgres.WriteAudit(ctx, tx, postgres.Audit{Actor: "command line", Action: "account.added", Object: u.login})
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(u.out, "account %s added\n", u.login)
	u.tell()
	return nil
}

func (u *userJob) passwd(ctx context.Context, db *postgres.DB) error {
	account, err := postgres.AccountByLogin(ctx, db.Pool, u.login)
	if err != nil {
		return err
	}
	err = db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := postgres.SetPassword(ctx, tx, account.ID, signin.HashPassword(u.password), u.random); err != nil {
			return err
		}
		if _, err := postgres.RevokeAccount(ctx, tx, account.ID, 0); err != nil {
			return err
		}
		return postgres.WriteAudit(ctx, tx, postgres.Audit{Actor: "command line", Action: "password.changed", Object: u.login})
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(u.out, "new password of %s set; its sessions are over\n", u.login)
	u.tell()
	return nil
}

func (u *userJob) tell() {
	if u.random {
		fmt.Fprintf(u.out, "password (shown this once, to be changed at the first sign-in): %s\n", u.password)
	}
}

// choosePassword reads a password and checks it, or makes one.
func choosePassword(in io.Reader, fromStdin bool, login string) (string, error) {
	if !fromStdin {
		return randomPassword(), nil
	}
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	line = strings.TrimRight(line, "\r\n")
	return line, signin.CheckPassword(login, line)
}

// randomPassword has about 77 bits and can be read aloud: four groups of four.
func randomPassword() string {
	const letters = "abcdefghjkmnpqrstuvwxyz23456789"
	for {
		b := make([]byte, 0, 19)
		for len(b) < 19 {
			if len(b)%5 == 4 {
				b = append(b, '-')
				continue
			}
			var r [1]byte
			_, _ = rand.Read(r[:])
			if int(r[0]) < 256/len(letters)*len(letters) {
				b = append(b, letters[int(r[0])%len(letters)])
			}
		}
		if signin.CheckPassword("", string(b)) == nil {
			return string(b)
		}
	}
}
