-- +goose Up
-- What a worker's day or a grid's week is judged from marks it when it changes, whoever changes it: an import,
-- a form, a hand in the database. Only what was judged already is marked; the rest is judged when its time comes.

-- Asks for a worker's judged days between two to be computed again.
-- +goose StatementBegin
CREATE FUNCTION mark_patrol_days(worker bigint, days daterange, reason text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO patrol_dirty AS p (region_id, worker_id, day, why)
  SELECT d.region_id, d.worker_id, d.day, ARRAY[reason] FROM worker w JOIN patrol_day d ON d.region_id = w.region_id AND d.worker_id = w.id
  WHERE w.id = worker AND d.day <@ days ORDER BY 1, 2, 3
  ON CONFLICT (region_id, worker_id, day) DO UPDATE SET n = p.n + 1, at = now(), why = CASE WHEN reason = ANY (p.why) THEN p.why ELSE p.why || reason END
$$;
-- +goose StatementEnd

-- And a grid's judged weeks that touch the days.
-- +goose StatementBegin
CREATE FUNCTION mark_patrol_weeks(grid bigint, days daterange, reason text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO patrol_week_dirty AS p (region_id, grid_id, week, why)
  SELECT w.region_id, w.grid_id, w.week, ARRAY[reason] FROM grid g JOIN patrol_week w ON w.region_id = g.region_id AND w.grid_id = g.id
  WHERE g.id = grid AND daterange(w.week, w.week + 7) && days ORDER BY 1, 2, 3
  ON CONFLICT (region_id, grid_id, week) DO UPDATE SET n = p.n + 1, at = now(), why = CASE WHEN reason = ANY (p.why) THEN p.why ELSE p.why || reason END
$$;
-- +goose StatementEnd

-- Who answers for a grid, and from when (责任网格): the days that the change gives or takes, and the weeks that hold them.
-- +goose StatementBegin
CREATE FUNCTION grid_assignment_marks() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  was datemultirange := '{}';
  is_ datemultirange := '{}';
  days daterange;
BEGIN
  IF TG_OP <> 'INSERT' AND OLD.role IN ('leader','worker') AND OLD.valid_from <= COALESCE(OLD.valid_to, 'infinity') THEN was := datemultirange(daterange(OLD.valid_from, OLD.valid_to, '[]')); END IF;
  IF TG_OP <> 'DELETE' AND NEW.role IN ('leader','worker') AND NEW.valid_from <= COALESCE(NEW.valid_to, 'infinity') THEN is_ := datemultirange(daterange(NEW.valid_from, NEW.valid_to, '[]')); END IF;
  IF TG_OP = 'UPDATE' AND (OLD.grid_id, OLD.worker_id, OLD.role) = (NEW.grid_id, NEW.worker_id, NEW.role) THEN
    FOR days IN SELECT unnest((was + is_) - (was * is_)) LOOP
      PERFORM mark_patrol_days(NEW.worker_id, days, 'beat'), mark_patrol_weeks(NEW.grid_id, days, 'beat');
    END LOOP;
    RETURN NULL;
  END IF;
  FOR days IN SELECT unnest(was) LOOP
    PERFORM mark_patrol_days(OLD.worker_id, days, 'beat'), mark_patrol_weeks(OLD.grid_id, days, 'beat');
  END LOOP;
  FOR days IN SELECT unnest(is_) LOOP
    PERFORM mark_patrol_days(NEW.worker_id, days, 'beat'), mark_patrol_weeks(NEW.grid_id, days, 'beat');
  END LOOP;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER grid_assignment_marks AFTER INSERT OR UPDATE OR DELETE ON grid_assignment FOR EACH ROW EXECUTE FUNCTION grid_assignment_marks();

-- A shift (排班) is duty where there is no session: the business days that the old one or the new one touches.
-- +goose StatementBegin
CREATE FUNCTION shift_marks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    PERFORM mark_patrol_days(OLD.worker_id, daterange((OLD.starts_at AT TIME ZONE 'Asia/Shanghai')::date, (OLD.ends_at AT TIME ZONE 'Asia/Shanghai')::date, '[]'), 'shift');
  END IF;
  IF TG_OP <> 'DELETE' THEN
    PERFORM mark_patrol_days(NEW.worker_id, daterange((NEW.starts_at AT TIME ZONE 'Asia/Shanghai')::date, (NEW.ends_at AT TIME ZONE 'Asia/Shanghai')::date, '[]'), 'shift');
  END IF;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER shift_marks AFTER INSERT OR DELETE ON shift FOR EACH ROW EXECUTE FUNCTION shift_marks();
CREATE TRIGGER shift_marks_moved AFTER UPDATE ON shift FOR EACH ROW
  WHEN ((OLD.worker_id, OLD.post, OLD.starts_at, OLD.ends_at) IS DISTINCT FROM (NEW.worker_id, NEW.post, NEW.starts_at, NEW.ends_at)) EXECUTE FUNCTION shift_marks();

-- A grid that is drawn anew: the day of the drawing and those after it. What was before it was judged by the shape of then.
-- +goose StatementBegin
CREATE FUNCTION grid_version_marks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO patrol_dirty AS p (region_id, worker_id, day, why)
  SELECT d.region_id, d.worker_id, d.day, ARRAY['grid'] FROM grid g JOIN patrol_day d ON d.region_id = g.region_id AND d.grid_ids @> ARRAY[g.id]
  WHERE g.id = NEW.grid_id AND d.day >= (NEW.valid_from AT TIME ZONE 'Asia/Shanghai')::date ORDER BY 1, 2, 3
  ON CONFLICT (region_id, worker_id, day) DO UPDATE SET n = p.n + 1, at = now(), why = CASE WHEN 'grid' = ANY (p.why) THEN p.why ELSE p.why || 'grid'::text END;
  PERFORM mark_patrol_weeks(NEW.grid_id, daterange((NEW.valid_from AT TIME ZONE 'Asia/Shanghai')::date, NULL), 'grid');
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER grid_version_marks AFTER INSERT ON grid_version FOR EACH ROW WHEN (NEW.version > 1) EXECUTE FUNCTION grid_version_marks();

-- Whether 未遇, the telephone and video count as visits (走访规则): days with an attempt, and weeks from the first such visit on.
-- +goose StatementBegin
CREATE FUNCTION visit_rule_marks() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  region bigint := COALESCE(NEW.region_id, OLD.region_id);
BEGIN
  IF (COALESCE(OLD.attempt_counts, false), COALESCE(OLD.remote_counts, false)) = (COALESCE(NEW.attempt_counts, false), COALESCE(NEW.remote_counts, false)) THEN RETURN NULL; END IF;
  INSERT INTO patrol_dirty AS p (region_id, worker_id, day, why)
  SELECT DISTINCT d.region_id, d.worker_id, d.day, ARRAY['visit_rule'] FROM visit v
  JOIN patrol_day d ON d.region_id = v.region_id AND d.worker_id = v.worker_id AND d.day = (v.arrived_at AT TIME ZONE 'Asia/Shanghai')::date
  WHERE v.region_id = region AND v.outcome IN ('no_one_home','refused') ORDER BY 1, 2, 3
  ON CONFLICT (region_id, worker_id, day) DO UPDATE SET n = p.n + 1, at = now(), why = CASE WHEN 'visit_rule' = ANY (p.why) THEN p.why ELSE p.why || 'visit_rule'::text END;
  PERFORM mark_patrol_weeks(v.grid_id, daterange(min((v.arrived_at AT TIME ZONE 'Asia/Shanghai')::date), NULL), 'visit_rule') FROM visit v
  WHERE v.region_id = region AND (v.outcome IN ('no_one_home','refused') OR v.method IN ('phone','video')) GROUP BY v.grid_id ORDER BY v.grid_id;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER visit_rule_marks AFTER INSERT OR UPDATE OR DELETE ON visit_rule FOR EACH ROW EXECUTE FUNCTION visit_rule_marks();

-- What is to be visited (走访对象): the week that goes on. Weeks that are over keep what they were judged against.
-- +goose StatementBegin
CREATE FUNCTION visit_object_marks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM mark_patrol_weeks(c.grid_id, daterange((now() AT TIME ZONE 'Asia/Shanghai')::date, NULL), 'object') FROM (SELECT DISTINCT grid_id FROM changed WHERE grid_id IS NOT NULL ORDER BY 1) c;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER visit_object_marks_new AFTER INSERT ON visit_object REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION visit_object_marks();
CREATE TRIGGER visit_object_marks_was AFTER UPDATE ON visit_object REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION visit_object_marks();
CREATE TRIGGER visit_object_marks_is AFTER UPDATE ON visit_object REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION visit_object_marks();

-- Every verdict on a week that is over, as there is one of every day: by whom, why, and what it was.
CREATE TABLE patrol_week_verdict (
  region_id    bigint NOT NULL,
  grid_id      bigint NOT NULL REFERENCES grid,
  week         date NOT NULL,
  seq          integer NOT NULL,
  computed_at  timestamptz NOT NULL,
  rule_version text NOT NULL,
  policy       jsonb NOT NULL,                  -- as it was
  why          text[] NOT NULL,
  required     smallint NOT NULL,
  qualified    smallint NOT NULL,
  state        text NOT NULL CHECK (state IN ('met','unmet','exempt')),
  measure      jsonb NOT NULL,                  -- patrol.WeekMeasure
  PRIMARY KEY (region_id, grid_id, week, seq)
);

-- Of calendars and holidays the fingerprint tells a change from one of limits, which have the same epoch.
ALTER TABLE patrol_state DROP COLUMN grids_at, ADD COLUMN calendars bigint NOT NULL DEFAULT 0;
