package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"time"

	"github.com/gridward/gridward/server/pgcluster"
	"github.com/gridward/gridward/server/postgres"
)

// database is where the truth is kept: a server of the user's own, or the
// private cluster under the data directory.
type database struct {
	dsn     string
	cluster *pgcluster.Cluster // nil with a server of the user's own, or when another Gridward keeps it
}

// startDatabase starts the private cluster, or takes the user's server, and
// brings the schema up to date.
func startDatabase(ctx context.Context, data, url string, log *slog.Logger) (*database, error) {
	d := &database{dsn: url}
	if url == "" {
		cluster, err := pgcluster.Start(ctx, data, log)
		if err != nil {
			return nil, err
		}
		d.cluster, d.dsn = cluster, cluster.DSN()
	}
	if err := postgres.Migrate(ctx, d.dsn, func(format string, args ...any) { log.Info(fmt.Sprintf(format, args...)) }); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

// stop ends the private cluster, if it is ours.
func (d *database) stop() error {
	if d.cluster == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	return d.cluster.Stop(ctx)
}

// lost is closed or written to when the private cluster is gone for good; nil
// (for ever silent) with a server of the user's own.
func (d *database) lost() <-chan error {
	if d.cluster == nil {
		return nil
	}
	return d.cluster.Wait()
}

// opener opens the database for a command that runs and ends, and returns how
// to close it again.
type opener func(ctx context.Context) (*postgres.DB, func() error, error)

// databaseFlags declares -data and -database-url on a command's flag set and
// returns the opener that reads them once they are parsed. Where a Gridward is
// running on the data directory the command shares its database; otherwise the
// private cluster is started for as long as the command takes.
func databaseFlags(fs *flag.FlagSet) opener {
	data := fs.String("data", "./data", "data directory of the private database")
	url := fs.String("database-url", "", "a PostgreSQL of your own instead")
	return func(ctx context.Context) (*postgres.DB, func() error, error) {
		log := slog.New(slog.DiscardHandler)
		d := &database{dsn: *url}
		if *url == "" {
			dsn, err := pgcluster.ReadDSN(*data)
			if err == nil {
				d.dsn = dsn
			} else if d, err = startDatabase(ctx, *data, "", log); err != nil {
				return nil, nil, err
			}
		}
		db, err := postgres.Open(ctx, d.dsn, postgres.Options{MaxConns: 4, Name: "gridward command"})
		if err != nil {
			return nil, nil, errors.Join(err, d.stop())
		}
		return db, func() error { db.Close(); return d.stop() }, nil
	}
}

func migrateMain(ctx context.Context, p process) error {
	fs := flag.NewFlagSet("migrate", flag.ContinueOnError)
	fs.SetOutput(p.errOut)
	data := fs.String("data", "./data", "data directory of the private database")
	url := fs.String("database-url", "", "a PostgreSQL of your own instead")
	if err := parseFlags(fs, p); err != nil {
		return err
	}
	say := func(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }
	if *url != "" {
		if err := postgres.Migrate(ctx, *url, say); err != nil {
			return err
		}
	} else if dsn, err := pgcluster.ReadDSN(*data); err == nil {
		if err := postgres.Migrate(ctx, dsn, say); err != nil {
			return err
		}
	} else {
		d, err := startDatabase(ctx, *data, "", slog.New(slog.NewTextHandler(p.errOut, nil)))
		if err != nil {
			return err
		}
		if err := d.stop(); err != nil {
			return err
		}
	}
	fmt.Fprintln(p.out, "the schema is up to date")
	return nil
}

func dsnMain(_ context.Context, p process) error {
	fs := flag.NewFlagSet("dsn", flag.ContinueOnError)
	fs.SetOutput(p.errOut)
	data := fs.String("data", "./data", "data directory of the running private database")
	if err := parseFlags(fs, p); err != nil {
		return err
	}
	dsn, err := pgcluster.ReadDSN(*data)
	if err != nil {
		return err
	}
	fmt.Fprintln(p.out, dsn)
	return nil
}

// parseFlags parses a command's flags and fills the rest from the environment.
func parseFlags(fs *flag.FlagSet, p process) error {
	if err := fs.Parse(p.args); err != nil {
		return err
	}
	return fromEnv(fs, p.env)
}
