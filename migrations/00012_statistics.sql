-- +goose Up
-- What a million archived cases and twenty thousand open ones need: lists that
-- read one page of an index, and statistics that read one stretch of another.

-- Facts that statistics count by, kept by the triggers below whoever writes.
ALTER TABLE incident
  ADD handler_org    bigint,          -- 主办: of the lead order that stands
  ADD handler_worker bigint,
  ADD handle_due     timestamptz,     -- until when the handler must have fed back
  ADD accept_due     timestamptz;     -- until when it should have been accepted, as that clock stood when it was

-- When anything of a case is due: what lists sort by. A case without a limit,
-- and one whose clocks stand still, come last.
ALTER TABLE incident
  ADD next_due  timestamptz NOT NULL GENERATED ALWAYS AS (CASE WHEN paused THEN 'infinity' ELSE COALESCE(LEAST(stage_due, case_due), 'infinity') END) STORED,
  ADD next_warn timestamptz NOT NULL GENERATED ALWAYS AS (CASE WHEN paused THEN 'infinity' ELSE COALESCE(LEAST(stage_warn, case_warn), 'infinity') END) STORED;

-- What a case counts for, one bit each; their names are in server/metric/tally.go,
-- which a test holds against this. A rate is two counts of bits, and the cases
-- behind a number are those with its bits.
ALTER TABLE incident ADD tally integer NOT NULL GENERATED ALWAYS AS (
    COALESCE(NOT drill AND kind <> 'info' AND state <> 'void', false)::integer
  + (accepted_at IS NOT NULL OR self_handled)::integer * 2
  + (accepted_at IS NOT NULL AND accept_due IS NOT NULL)::integer * 4
  + COALESCE(accepted_at <= accept_due, false)::integer * 8
  + (state = 'rejected')::integer * 16
  + (state = 'merged')::integer * 32
  + (dispatched_at IS NOT NULL)::integer * 64
  + (return_count > 0)::integer * 128
  + (self_handled AND tier IS NOT DISTINCT FROM 1)::integer * 256
  + (fed_back_at IS NOT NULL)::integer * 512
  + COALESCE(fed_back_at <= handle_due, false)::integer * 1024
  + (state = 'suspended')::integer * 2048
  + (closed_at IS NOT NULL)::integer * 4096
  + COALESCE(closed_at <= case_due, false)::integer * 8192
  + COALESCE(closed_at > case_due, false)::integer * 16384
  + (checked_at IS NOT NULL)::integer * 32768
  + (rework_count > 0)::integer * 65536
  + (close_reason = 'forced')::integer * 131072
  + COALESCE(tier = 1, false)::integer * 262144
  + COALESCE(tier = 2, false)::integer * 524288
  + (satisfaction IS NOT NULL)::integer * 1048576
  + COALESCE(satisfaction = 5, false)::integer * 2097152
  + COALESCE(satisfaction = 4, false)::integer * 4194304
  + COALESCE(satisfaction = 3, false)::integer * 8388608
  + COALESCE(satisfaction <= 2, false)::integer * 16777216
  + (delay_count > 0)::integer * 33554432
  + (supervise <> '')::integer * 67108864
  + (reopened_from IS NOT NULL)::integer * 134217728
) STORED;

-- +goose StatementBegin
CREATE FUNCTION incident_accept_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.accept_due := OLD.stage_due;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER incident_accept_due BEFORE UPDATE OF accepted_at ON incident
  FOR EACH ROW WHEN (OLD.accepted_at IS NULL AND NEW.accepted_at IS NOT NULL) EXECUTE FUNCTION incident_accept_due();

-- +goose StatementBegin
CREATE FUNCTION dispatch_order_lead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE incident SET handler_org = NEW.org_id, handler_worker = NEW.worker_id, handle_due = NEW.handle_due
  WHERE id = NEW.incident_id AND (handler_org, handler_worker, handle_due) IS DISTINCT FROM (NEW.org_id, NEW.worker_id, NEW.handle_due);
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER dispatch_order_lead_new AFTER INSERT ON dispatch_order
  FOR EACH ROW WHEN (NEW.mode = 'lead' AND NEW.state IN ('pending','handling','fed_back','done')) EXECUTE FUNCTION dispatch_order_lead();
CREATE TRIGGER dispatch_order_lead_moved AFTER UPDATE OF org_id, worker_id, handle_due ON dispatch_order
  FOR EACH ROW WHEN (NEW.mode = 'lead' AND NEW.state IN ('pending','handling','fed_back','done')
    AND (OLD.org_id, OLD.worker_id, OLD.handle_due) IS DISTINCT FROM (NEW.org_id, NEW.worker_id, NEW.handle_due)) EXECUTE FUNCTION dispatch_order_lead();

-- A party's list is its cases, newest first; most lie in its own region, and
-- who sees the whole region has them already.
ALTER TABLE incident_party ADD reported_at timestamptz NOT NULL DEFAULT now(), ADD abroad boolean NOT NULL DEFAULT false;
UPDATE incident_party p SET reported_at = i.reported_at, abroad = o.region_id <> i.region_id FROM incident i, org o WHERE i.id = p.incident_id AND o.id = p.org_id;
-- +goose StatementBegin
CREATE FUNCTION incident_party_of() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  SELECT i.reported_at, o.region_id <> i.region_id INTO NEW.reported_at, NEW.abroad FROM incident i, org o WHERE i.id = NEW.incident_id AND o.id = NEW.org_id;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER incident_party_of BEFORE INSERT ON incident_party FOR EACH ROW EXECUTE FUNCTION incident_party_of();
DROP INDEX incident_party_org;
CREATE INDEX incident_party_org ON incident_party (org_id, reported_at DESC, incident_id DESC);
CREATE INDEX incident_party_abroad ON incident_party (org_id, reported_at DESC, incident_id DESC) WHERE abroad;

-- Lists. The newest come first by the index; the columns beside it let a rare
-- filter and its count pass over cases without reading them.
DROP INDEX incident_region_time;
DROP INDEX incident_grid;
DROP INDEX incident_org;
CREATE INDEX incident_newest ON incident (reported_at DESC, id DESC)
  INCLUDE (org_id, handler_org, handler_worker, tally, category, tier, source, state, urgency, kind, grid_id, owner_org, open, drill);
CREATE INDEX incident_org ON incident (org_id, reported_at DESC, id DESC)
  INCLUDE (category, tier, source, state, urgency, kind, grid_id, owner_org, open, drill);
CREATE INDEX incident_grid ON incident (grid_id, reported_at DESC, id DESC);
CREATE INDEX incident_state ON incident (state, reported_at DESC, id DESC);
CREATE INDEX incident_category ON incident (category text_pattern_ops, reported_at DESC, id DESC);
CREATE INDEX incident_reporter ON incident (reporter_account, reported_at DESC, id DESC) WHERE reporter_account IS NOT NULL;
CREATE INDEX incident_open_next ON incident (next_due, id) WHERE open;
CREATE INDEX incident_open_newest ON incident (reported_at DESC, id DESC) WHERE open;

-- Statistics: a cohort is a stretch of one of these, or of incident_newest.
CREATE INDEX incident_tally_due ON incident (case_due) INCLUDE (org_id, handler_org, handler_worker, tally, category, tier, source) WHERE case_due IS NOT NULL;
CREATE INDEX incident_tally_handle ON incident (handle_due) INCLUDE (org_id, handler_org, handler_worker, tally, category, tier, source) WHERE handle_due IS NOT NULL;
CREATE INDEX incident_tally_closed ON incident (closed_at) INCLUDE (org_id, handler_org, handler_worker, tally, category, tier, source) WHERE closed_at IS NOT NULL;

-- Has this happened here before? Looked for among what is over.
CREATE INDEX incident_geom_over ON incident USING gist (geom) WHERE NOT open;
