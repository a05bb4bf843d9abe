-- +goose Up
-- Assessment (考核) of grids, their guides, communities and departments. What
-- the numbers mean is in server/assess; the first templates are written at the
-- first start, from assess.Default.

-- A plan for a level, in versions: editing ends one and begins another.
CREATE TABLE assess_template (
  id        bigint NOT NULL, version integer NOT NULL,
  level     text NOT NULL CHECK (level IN ('grid','guide','community','department')),
  region_id bigint REFERENCES region,              -- NULL: for every region that has none of its own
  name      text NOT NULL,
  plan      jsonb NOT NULL,                        -- assess.Plan
  valid_from timestamptz NOT NULL, valid_to timestamptz,
  made_at   timestamptz NOT NULL, made_by bigint REFERENCES account,
  PRIMARY KEY (id, version)
);
CREATE SEQUENCE assess_template_id;
CREATE UNIQUE INDEX assess_template_living ON assess_template (level, COALESCE(region_id, 0)) WHERE valid_to IS NULL;

CREATE TABLE assess_period (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  region_id    bigint NOT NULL REFERENCES region,
  kind         text NOT NULL CHECK (kind IN ('month','quarter','year')),
  label        text NOT NULL,                      -- 2026-10, 2026-Q3, 2026
  from_at      timestamptz NOT NULL, to_at timestamptz NOT NULL CHECK (to_at > from_at),
  state        text NOT NULL DEFAULT 'open' CHECK (state IN ('open','computing','published','appealing','locked')),
  version      integer NOT NULL DEFAULT 1,
  templates    jsonb NOT NULL DEFAULT '[]',        -- those of the newest draft, whole
  opened_at    timestamptz NOT NULL, opened_by bigint REFERENCES account, opened_name text NOT NULL,
  computed_at  timestamptz, published_at timestamptz, appeal_until timestamptz, locked_at timestamptz,
  UNIQUE (region_id, kind, label)
);

-- Scores: the draft, made anew by each computation; as they are once published.
CREATE TABLE assess_score (
  period_id bigint NOT NULL REFERENCES assess_period,
  level     text NOT NULL, subject bigint NOT NULL,
  name      text NOT NULL, org_id bigint NOT NULL REFERENCES org, org_path text NOT NULL,
  counted   boolean NOT NULL DEFAULT true,         -- in the ranking and in means: in force for half of the period
  final     text NOT NULL DEFAULT '',              -- exact, '175/2'; '' = could not be scored
  rank      integer NOT NULL DEFAULT 0, of integer NOT NULL DEFAULT 0,
  result    jsonb NOT NULL,                        -- assess.Result
  PRIMARY KEY (period_id, level, subject)
);
-- What each figure counts, one row for each thing: the figure is their sum.
CREATE TABLE assess_evidence (
  period_id bigint NOT NULL REFERENCES assess_period,
  level     text NOT NULL, subject bigint NOT NULL, item text NOT NULL,
  ref       text NOT NULL,                         -- the id of what the measure's unit says
  at        timestamptz NOT NULL,
  n         integer NOT NULL, d integer NOT NULL,
  PRIMARY KEY (period_id, level, subject, item, ref)
);

-- +goose StatementBegin
CREATE FUNCTION assess_draft_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE of bigint := CASE WHEN TG_OP = 'DELETE' THEN OLD.period_id ELSE NEW.period_id END;
BEGIN
  IF EXISTS (SELECT FROM assess_period WHERE id = of AND state NOT IN ('open','computing')) THEN
    RAISE EXCEPTION 'the scores of period % are published: they are adjusted, not changed', of USING ERRCODE = '23000';
  END IF;
  RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
-- +goose StatementEnd
CREATE TRIGGER assess_score_draft BEFORE INSERT OR UPDATE OR DELETE ON assess_score FOR EACH ROW EXECUTE FUNCTION assess_draft_only();
CREATE TRIGGER assess_evidence_draft BEFORE INSERT OR UPDATE OR DELETE ON assess_evidence FOR EACH ROW EXECUTE FUNCTION assess_draft_only();

-- A joint inspection (联合督查): who, and which grids were drawn by lot. Insert-only.
CREATE TABLE assess_inspection (
  id         uuid PRIMARY KEY,
  period_id  bigint NOT NULL REFERENCES assess_period,
  title      text NOT NULL, members text[] NOT NULL,
  seed       text NOT NULL,                        -- with it and the list of grids, the drawing can be repeated
  sampled    bigint[] NOT NULL,
  by_account bigint NOT NULL REFERENCES account, by_name text NOT NULL, at timestamptz NOT NULL
);
CREATE INDEX assess_inspection_period ON assess_inspection (period_id);

-- What an inspector gives, with the reason: a mark of 0 to 100 for an item, points
-- above or below (专项), or a finding of an inspection. Insert-only: the newest of
-- an inspector for the same thing outside an inspection counts.
CREATE TABLE assess_mark (
  id         uuid PRIMARY KEY,
  period_id  bigint NOT NULL REFERENCES assess_period,
  inspection_id uuid REFERENCES assess_inspection,
  level      text NOT NULL CHECK (level IN ('grid','guide','community','department')), subject bigint NOT NULL,
  item       text NOT NULL DEFAULT '',             -- '' = points, or a finding
  score      integer CHECK (score BETWEEN 0 AND 10000),     -- hundredths
  points     integer CHECK (points BETWEEN -10000 AND 10000),
  reason     text NOT NULL CHECK (length(btrim(reason)) >= 2),
  incident_id uuid REFERENCES incident,
  by_account bigint NOT NULL REFERENCES account, by_name text NOT NULL, at timestamptz NOT NULL
);
CREATE INDEX assess_mark_subject ON assess_mark (period_id, level, subject);

-- What was published, to the byte. Insert-only.
CREATE TABLE assess_sheet (
  period_id bigint PRIMARY KEY REFERENCES assess_period, at timestamptz NOT NULL, by_account bigint NOT NULL REFERENCES account, digest text NOT NULL, body bytea NOT NULL
);

-- An appeal (申诉), and what somebody else decided. Both insert-only.
CREATE TABLE assess_appeal (
  id         uuid PRIMARY KEY,
  period_id  bigint NOT NULL REFERENCES assess_period,
  level      text NOT NULL, subject bigint NOT NULL, item text NOT NULL DEFAULT '',
  reason     text NOT NULL CHECK (length(btrim(reason)) >= 5), evidence text NOT NULL DEFAULT '', incidents uuid[] NOT NULL DEFAULT '{}', photos uuid[] NOT NULL DEFAULT '{}',
  by_account bigint NOT NULL REFERENCES account, by_name text NOT NULL, at timestamptz NOT NULL,
  FOREIGN KEY (period_id, level, subject) REFERENCES assess_score
);
CREATE INDEX assess_appeal_period ON assess_appeal (period_id, at);
ALTER TABLE attachment ADD appeal_id uuid REFERENCES assess_appeal;
-- Beside a published score, never in it. Insert-only.
CREATE TABLE assess_adjustment (
  id         uuid PRIMARY KEY,
  period_id  bigint NOT NULL REFERENCES assess_period,
  level      text NOT NULL, subject bigint NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('appeal','data','decision')),
  delta      text NOT NULL,                        -- exact
  reason     text NOT NULL CHECK (length(btrim(reason)) >= 2),
  detail     jsonb NOT NULL DEFAULT '[]',          -- of data: which figures are others now
  by_account bigint NOT NULL REFERENCES account, by_name text NOT NULL, at timestamptz NOT NULL,
  FOREIGN KEY (period_id, level, subject) REFERENCES assess_score
);
CREATE INDEX assess_adjustment_subject ON assess_adjustment (period_id, level, subject);
CREATE TABLE assess_decision (
  appeal_id  uuid PRIMARY KEY REFERENCES assess_appeal,
  verdict    text NOT NULL CHECK (verdict IN ('upheld','partly','rejected')),
  reason     text NOT NULL CHECK (length(btrim(reason)) >= 2),
  adjustment_id uuid REFERENCES assess_adjustment,
  by_account bigint NOT NULL REFERENCES account, by_name text NOT NULL, at timestamptz NOT NULL
);

-- Everything that was done to a period. Insert-only.
CREATE TABLE assess_step (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  period_id  bigint NOT NULL REFERENCES assess_period,
  at         timestamptz NOT NULL, action text NOT NULL, by_account bigint NOT NULL REFERENCES account, by_name text NOT NULL,
  detail     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX assess_step_period ON assess_step (period_id, id);
