-- +goose Up
-- How long it took (处置时长): in working minutes of who had the case, as the
-- desk counted them when it happened. Cases of before have none.
ALTER TABLE incident
  ADD accept_minutes integer CHECK (accept_minutes >= 0),  -- from the report to the acceptance
  ADD handle_minutes integer CHECK (handle_minutes >= 0),  -- signed and not fed back, nor suspended; of who handled at once, from acceptance or report
  ADD set_right boolean NOT NULL DEFAULT false;            -- 整改: filed anew, or a formal demand about it answered

UPDATE incident SET set_right = true WHERE id IN (
  SELECT reopened_from FROM incident WHERE reopened_from IS NOT NULL
  UNION SELECT incident_id FROM supervision WHERE kind = 'supervise' AND replied_at IS NOT NULL);

-- +goose StatementBegin
CREATE FUNCTION incident_set_right() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE incident SET set_right = true WHERE id = NEW.reopened_from AND NOT set_right;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER incident_set_right AFTER INSERT ON incident
  FOR EACH ROW WHEN (NEW.reopened_from IS NOT NULL) EXECUTE FUNCTION incident_set_right();

-- +goose StatementBegin
CREATE FUNCTION supervision_set_right() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE incident SET set_right = true WHERE id = NEW.incident_id AND NOT set_right;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER supervision_set_right AFTER UPDATE OF replied_at ON supervision
  FOR EACH ROW WHEN (NEW.kind = 'supervise' AND NEW.replied_at IS NOT NULL) EXECUTE FUNCTION supervision_set_right();

-- Three more facts: the column is made anew, and the indexes that carry it;
-- two of them carry the minutes as well.
DROP INDEX incident_newest, incident_tally_due, incident_tally_handle, incident_tally_closed;
ALTER TABLE incident DROP COLUMN tally;
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
  + (accept_minutes IS NOT NULL)::integer * 268435456
  + (handle_minutes IS NOT NULL)::integer * 536870912
  + set_right::integer * 1073741824
) STORED;
CREATE INDEX incident_newest ON incident (reported_at DESC, id DESC)
  INCLUDE (org_id, handler_org, handler_worker, tally, category, tier, source, state, urgency, kind, grid_id, owner_org, open, drill, accept_minutes);
CREATE INDEX incident_tally_due ON incident (case_due) INCLUDE (org_id, handler_org, handler_worker, tally, category, tier, source) WHERE case_due IS NOT NULL;
CREATE INDEX incident_tally_handle ON incident (handle_due) INCLUDE (org_id, handler_org, handler_worker, tally, category, tier, source) WHERE handle_due IS NOT NULL;
CREATE INDEX incident_tally_closed ON incident (closed_at) INCLUDE (org_id, handler_org, handler_worker, tally, category, tier, source, handle_minutes) WHERE closed_at IS NOT NULL;

DROP VIEW incident_shown;
CREATE VIEW incident_shown AS
SELECT i.id, i.region_id, i.case_no, i.version, i.state, i.kind, i.source, i.title, i.description, i.category, i.tier, i.severity, i.urgency,
  i.org_id, o.path AS org_path, o.name AS org_name, i.grid_id, i.grid_version, COALESCE(v.name, '') AS grid_name,
  i.geom, i.accuracy, i.address, i.src_crs, i.reporter_account, i.reporter_worker, i.reporter_name, i.reporter_phone,
  COALESCE(i.client_id, '') AS client_id, i.drill, i.occurred_at, i.reported_at, i.updated_at,
  (SELECT jsonb_agg(jsonb_build_object('id', a.id, 'kind', a.kind, 'mime', a.mime, 'width', COALESCE(a.width, 0), 'height', COALESCE(a.height, 0), 'taken_at', a.taken_at) ORDER BY a.created_at, a.id)
   FROM attachment a WHERE a.incident_id = i.id) AS photos,
  i.sensitivity, i.std_code, i.state_since, i.owner_org, COALESCE(w.path, '') AS owner_path, COALESCE(w.name, '') AS owner_name, i.owner_worker, COALESCE(p.name, '') AS owner_worker_name,
  i.first_account, i.lead_order, i.self_handled, i.checked_by_lot, i.rework_count, i.return_count, i.delay_count, i.urge_count, i.push_count, i.supervise,
  i.suspended_at, i.review_at, i.suspend_asked, i.delay_asked, i.whistles, i.appealed, i.merged_into, i.reopened_from, i.recurrence, i.public_reply,
  i.accepted_at, i.dispatched_at, i.signed_at, i.fed_back_at, i.checked_at, i.closed_at, i.close_reason, i.satisfaction, i.archived_at,
  i.stage, i.stage_due, i.stage_warn, i.stage_from, i.case_due, i.case_warn, i.case_from, i.provisional, i.paused, i.open, i.accept_minutes, i.handle_minutes
FROM incident i JOIN org o ON o.id = i.org_id LEFT JOIN grid_version v ON v.grid_id = i.grid_id AND v.version = i.grid_version
  LEFT JOIN org w ON w.id = i.owner_org LEFT JOIN worker p ON p.id = i.owner_worker;
