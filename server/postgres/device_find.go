package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
)

const sqlAddVehicle = `
INSERT INTO worker (region_id, org_id, kind, role, code, name) SELECT region_id, id, 'vehicle', 'patrol_car', $2, $2 FROM org WHERE id = $1
ON CONFLICT (code) DO NOTHING RETURNING id`

// AddVehicle registers a vehicle with an organisation.
func AddVehicle(ctx context.Context, q Querier, org int64, plate string) (id int64, err error) {
	err = q.QueryRow(ctx, sqlAddVehicle, org, plate).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fault.New(fault.Conflict, "编号 %q 已被使用，或者机构不存在", plate)
	}
	if err != nil {
		return 0, fmt.Errorf("register the vehicle: %w", err)
	}
	return id, nil
}

const sqlDeviceByIdent = `SELECT id FROM device WHERE ident = $1`

// DeviceByIdent returns the device that calls itself so.
func DeviceByIdent(ctx context.Context, q Querier, ident string) (id int64, err error) {
	err = q.QueryRow(ctx, sqlDeviceByIdent, ident).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fault.New(fault.Missing, "没有标识为 %q 的设备", ident)
	}
	if err != nil {
		return 0, fmt.Errorf("find the device: %w", err)
	}
	return id, nil
}
