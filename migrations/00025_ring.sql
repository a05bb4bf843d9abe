-- +goose Up
-- A command whose acknowledgements are overdue, and a whistle whose departments
-- did not respond or come in time, are told of once: when that was.

ALTER TABLE command ADD rung_at timestamptz;
CREATE INDEX command_late ON command (ack_due) WHERE need_ack AND ack_due IS NOT NULL;

ALTER TABLE whistle ADD respond_rung_at timestamptz, ADD arrive_rung_at timestamptz;
CREATE INDEX whistle_late ON whistle (respond_due) WHERE confirmed_at IS NOT NULL AND state NOT IN ('closed', 'refused');
