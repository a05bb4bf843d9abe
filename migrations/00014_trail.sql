-- +goose Up
-- Trails: worker-days archived into chunks, who replayed and who exported them,
-- and what retention removed. A day is one of the business zone, Asia/Shanghai.

-- A worker-day and how far it is archived: unless dirty, the chunks hold every
-- fix of the day before until. Its row is the lock that ingest and the archive
-- take turns by. stays, gaps and outliers are what geo/trail made of the day's
-- fixes up to until, times in ms from the day's midnight.
CREATE TABLE trail_day (
  region_id   bigint NOT NULL,
  worker_id   bigint NOT NULL,
  until       timestamptz,
  archived_at timestamptz,
  late_at     timestamptz,                  -- of a dirty day: the earliest fix that came after it was archived
  day         date NOT NULL,
  fixes       integer NOT NULL DEFAULT 0,
  bytes       integer NOT NULL DEFAULT 0,   -- of its bodies and lines
  length_m    real NOT NULL DEFAULT 0,
  dirty       boolean NOT NULL DEFAULT true,
  stays       integer[] NOT NULL DEFAULT '{}',  -- {arrived, left, longitude, latitude in millionths of a degree, radius in dm, certainty in %}, …
  gaps        integer[] NOT NULL DEFAULT '{}',  -- {from, to}, …
  outliers    integer[] NOT NULL DEFAULT '{}',  -- {from, to, reason as in geo/trail}, …
  PRIMARY KEY (region_id, day, worker_id)
);
CREATE INDEX trail_day_dirty ON trail_day (day) WHERE dirty;

-- A row holds the fixes of one worker, device and duty session of a day that is
-- over, or of the hours that have been archived of one that goes on. body is one
-- chunk after the other in the codec of geo/trail (docs/protocol.md), one for each
-- hour: parts says where each begins, so that an hour is read without the others.
-- line is a chunk of those fixes that are left when the good ones are simplified:
-- what an overview draws.
CREATE TABLE trail_chunk (
  region_id  bigint NOT NULL,
  worker_id  bigint NOT NULL,
  device_id  bigint NOT NULL,
  from_at    timestamptz NOT NULL,          -- its first and last fix
  to_at      timestamptz NOT NULL,
  session_id uuid,                          -- NULL: a shift, a vehicle, an SOS
  day        date NOT NULL,
  fixes      integer NOT NULL,
  west integer NOT NULL, south integer NOT NULL, east integer NOT NULL, north integer NOT NULL,  -- millionths of a degree
  hour       smallint NOT NULL,             -- of the day, 0 to 23, with which it begins
  seq        smallint NOT NULL,             -- within the hour
  parts      integer[] NOT NULL,            -- of each chunk {its first fix, its last, ms from the day's midnight; how many; where it ends in body}, …
  line       bytea NOT NULL,
  body       bytea NOT NULL,
  PRIMARY KEY (region_id, day, worker_id, hour, seq)
);
-- The codec leaves nothing that a general compression finds, and of what is kept
-- as it is a part can be read. The overview needs no second look for its lines.
ALTER TABLE trail_chunk ALTER line SET STORAGE MAIN, ALTER parts SET STORAGE MAIN, ALTER body SET STORAGE EXTERNAL;

-- trail_parts are the chunks of a row's body; substring(body FROM start FOR size) is one.
CREATE FUNCTION trail_parts(day date, parts integer[]) RETURNS TABLE (from_at timestamptz, to_at timestamptz, fixes integer, start integer, size integer)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 8 AS $$
  SELECT (day::timestamp AT TIME ZONE 'Asia/Shanghai') + parts[i] * interval '1 millisecond', (day::timestamp AT TIME ZONE 'Asia/Shanghai') + parts[i + 1] * interval '1 millisecond',
    parts[i + 2], 1 + CASE WHEN i > 1 THEN parts[i - 1] ELSE 0 END, parts[i + 3] - CASE WHEN i > 1 THEN parts[i - 1] ELSE 0 END
  FROM generate_series(1, cardinality(parts), 4) i
$$;

-- trail_box is where and when the fixes of a row were: a line from the south-west corner at
-- its first instant to the north-east one at its last, M in Unix seconds.
CREATE FUNCTION trail_box(west integer, south integer, east integer, north integer, from_at timestamptz, to_at timestamptz) RETURNS geometry
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- its body is read now and not when it is called: a restored backup builds the index with no search path
RETURN ST_SetSRID(ST_MakeLine(ST_MakePointM(west / 1e6, south / 1e6, date_part('epoch', from_at - '1970-01-01 00:00:00+00'::timestamptz)),
    ST_MakePointM(east / 1e6, north / 1e6, date_part('epoch', to_at - '1970-01-01 00:00:00+00'::timestamptz))), 4326);
CREATE INDEX trail_chunk_box ON trail_chunk USING gist (trail_box(west, south, east, north, from_at, to_at) gist_geometry_ops_nd);

-- trail_varint reads an unsigned number of seven bits a byte at pos and moves pos on.
-- +goose StatementBegin
CREATE FUNCTION trail_varint(chunk bytea, INOUT pos integer, OUT v bigint) LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE b integer; shift integer := 0;
BEGIN
  v := 0;
  LOOP
    b := get_byte(chunk, pos);
    pos := pos + 1;
    v := v | ((b & 127)::bigint << shift);
    EXIT WHEN b < 128;
    shift := shift + 7;
    IF shift > 56 THEN RAISE EXCEPTION 'not a chunk of fixes: a number is too long' USING ERRCODE = 'data_corrupted'; END IF;
  END LOOP;
END $$;
-- +goose StatementEnd

-- trail_crc is the CRC-32C of the first size bytes, four bits at a time.
-- +goose StatementBegin
CREATE FUNCTION trail_crc(chunk bytea, size integer) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  t CONSTANT bigint[] := '{0,274646895,549293790,820201905,1098587580,1361435347,1640403810,1905808397,2197175160,2460548119,2722870694,2987750089,3280807620,3553878443,3811616794,4084100981}';
  c bigint := 4294967295;
  b integer;
BEGIN
  FOR i IN 0 .. size - 1 LOOP
    b := get_byte(chunk, i);
    c := (c >> 4) # t[((c # b) & 15) + 1];
    c := (c >> 4) # t[((c # (b >> 4)) & 15) + 1];
  END LOOP;
  RETURN c # 4294967295;
END $$;
-- +goose StatementEnd

-- trail_svarint reads a signed one.
CREATE FUNCTION trail_svarint(chunk bytea, INOUT pos integer, OUT v bigint) LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT r.pos, (r.v >> 1) # -(r.v & 1) FROM trail_varint(chunk, pos) r
$$;

-- trail_column reads the m numbers of a column: the layout is that of
-- trail.Encode in geo/trail. turn is where they begin again, 0 = nowhere.
-- +goose StatementBegin
CREATE FUNCTION trail_column(chunk bytea, m integer, turn bigint, INOUT pos integer, OUT x bigint[]) LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  shape integer := get_byte(chunk, pos); s integer := shape >> 4; t integer := shape & 15;
  run bigint; step bigint; v bigint := 0; g bigint; level bigint; pace bigint; spread bigint; z bigint; e bigint; about bigint; rest bigint;
  hold bigint := 0; held integer := 0; k integer; q integer; w integer; got integer; i integer := 0;
BEGIN
  x := array_fill(0::bigint, ARRAY[m]);
  pos := pos + 1;
  IF shape IN (240, 241) THEN
    step := 0;
    IF shape = 241 THEN
      SELECT r.pos, r.v INTO pos, v FROM trail_svarint(chunk, pos) r;
      i := 1;
      x[1] := v;
    END IF;
    WHILE i < m LOOP
      SELECT r.pos, r.v INTO pos, run FROM trail_varint(chunk, pos) r;
      SELECT r.pos, r.v + step INTO pos, step FROM trail_svarint(chunk, pos) r;
      IF run < 1 OR run > m - i THEN RAISE EXCEPTION 'not a chunk of fixes: a run is too long' USING ERRCODE = 'data_corrupted'; END IF;
      FOR j IN i + 1 .. i + run LOOP
        v := CASE shape WHEN 240 THEN step ELSE v + step END;
        x[j] := v;
      END LOOP;
      i := i + run;
    END LOOP;
    RETURN;
  END IF;
  IF s > 9 OR t > 9 THEN RAISE EXCEPTION 'not a chunk of fixes: a column of unknown shape' USING ERRCODE = 'data_corrupted'; END IF;
  SELECT r.pos, r.v INTO pos, v FROM trail_svarint(chunk, pos) r;
  SELECT r.pos, r.v INTO pos, g FROM trail_varint(chunk, pos) r;
  SELECT r.pos, r.v * 256 INTO pos, level FROM trail_svarint(chunk, pos) r;
  SELECT r.pos, r.v INTO pos, pace FROM trail_svarint(chunk, pos) r;
  spread := 1::bigint << get_byte(chunk, pos);
  pos := pos + 1;
  x[1] := v;
  FOR j IN 2 .. m LOOP
    k := 0;
    rest := (11 * spread) >> 8;
    WHILE rest > 0 AND k < 20 LOOP
      rest := rest >> 1;
      k := k + 1;
    END LOOP;
    about := (level + 128) >> 8;
    q := 0;
    LOOP
      IF held = 0 THEN
        hold := get_byte(chunk, pos);
        pos := pos + 1;
        held := 8;
      END IF;
      held := held - 1;
      EXIT WHEN hold & 1 = 1;
      hold := hold >> 1;
      q := q + 1;
      EXIT WHEN q = 8;
    END LOOP;
    IF q < 8 THEN hold := hold >> 1; END IF;
    w := CASE WHEN q < 8 THEN k ELSE 6 END; -- bits to read next
    LOOP
      WHILE held < w LOOP
        IF held > 48 THEN RAISE EXCEPTION 'not a chunk of fixes: a number is too long' USING ERRCODE = 'data_corrupted'; END IF;
        hold := hold | (get_byte(chunk, pos)::bigint << held);
        pos := pos + 1;
        held := held + 8;
      END LOOP;
      z := hold & ((1::bigint << w) - 1);
      hold := hold >> w;
      held := held - w;
      EXIT WHEN q <> 8;
      q := 9; -- it is written out: what was read is its width
      w := z;
    END LOOP;
    IF q < 8 THEN z := z | (q::bigint << k); END IF;
    e := (z >> 1) # -(z & 1);
    IF q < 8 THEN
      IF t < 9 THEN pace := pace + (e << 8 >> t); END IF;
      level := level + pace + CASE WHEN s < 9 THEN e << 8 >> s ELSE 0 END;
      spread := spread + ((16 * z - spread) >> 4);
    ELSE
      level := ((about + e) << 8) + pace;
    END IF;
    x[j] := v + g * (about + e);
    IF turn > 0 THEN x[j] := (x[j] % turn + turn) % turn; END IF;
  END LOOP;
END $$;
-- +goose StatementEnd

-- trail_fixes reads a chunk.
-- +goose StatementBegin
CREATE FUNCTION trail_fixes(chunk bytea)
RETURNS TABLE (at timestamptz, lon double precision, lat double precision, accuracy real, speed real, course real, flags integer, source smallint)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  size integer := length(chunk) - 4;
  n integer; pos integer; u bigint; said integer; run bigint; part bigint[];
  ms bigint[]; x bigint[]; y bigint[]; flag bigint[]; door bigint[]; figure bigint[] := '{}';
BEGIN
  IF size < 2 OR get_byte(chunk, 0) <> 2 OR trail_crc(chunk, size) <>
     get_byte(chunk, size) + get_byte(chunk, size + 1) * 256::bigint + get_byte(chunk, size + 2) * 65536::bigint + get_byte(chunk, size + 3) * 16777216::bigint THEN
    RAISE EXCEPTION 'not a chunk of fixes, or a damaged one' USING ERRCODE = 'data_corrupted';
  END IF;
  SELECT r.pos, r.v INTO pos, u FROM trail_varint(chunk, 1) r;
  IF u > 65536 THEN RAISE EXCEPTION 'not a chunk of fixes: too many' USING ERRCODE = 'data_corrupted'; END IF;
  n := u;
  IF n > 0 THEN
    SELECT r.pos, r.x INTO pos, ms FROM trail_column(chunk, n, 0, pos) r;
    SELECT r.pos, r.x INTO pos, x FROM trail_column(chunk, n, 0, pos) r;
    SELECT r.pos, r.x INTO pos, y FROM trail_column(chunk, n, 0, pos) r;
    figure := array_fill(NULL::bigint, ARRAY[3 * n]); -- accuracy, speed, course
    FOR c IN 0 .. 2 LOOP
      DECLARE
        runs integer[] := '{}'; told boolean := true; i integer := 0; k integer := 0;
      BEGIN
        said := 0;
        WHILE i < n LOOP
          SELECT r.pos, r.v INTO pos, run FROM trail_varint(chunk, pos) r;
          IF run > n - i OR run = 0 AND runs <> '{}' THEN RAISE EXCEPTION 'not a chunk of fixes: a run is too long' USING ERRCODE = 'data_corrupted'; END IF;
          runs := runs || run::integer;
          i := i + run;
          IF told THEN said := said + run; END IF;
          told := NOT told;
        END LOOP;
        IF said > 0 THEN SELECT r.pos, r.x INTO pos, part FROM trail_column(chunk, said, CASE c WHEN 2 THEN 180 ELSE 0 END, pos) r; END IF;
        i := 0;
        FOR nr IN 1 .. cardinality(runs) LOOP
          IF nr % 2 = 1 THEN
            FOR j IN 1 .. runs[nr] LOOP
              figure[c * n + i + j] := part[k + j];
            END LOOP;
            k := k + runs[nr];
          END IF;
          i := i + runs[nr];
        END LOOP;
      END;
    END LOOP;
    SELECT r.pos, r.x INTO pos, flag FROM trail_column(chunk, n, 0, pos) r;
    SELECT r.pos, r.x INTO pos, door FROM trail_column(chunk, n, 0, pos) r;
  END IF;
  IF pos <> size THEN RAISE EXCEPTION 'not a chunk of fixes: bytes left over' USING ERRCODE = 'data_corrupted'; END IF;
  FOR j IN 1 .. n LOOP
    at := CASE WHEN ms[j] < -210866803200000 THEN '-infinity' -- a wrong clock, beyond what PostgreSQL dates
      ELSE '1970-01-01 00:00:00+00'::timestamptz + make_interval(secs => ms[j] / 1000) + (ms[j] % 1000) * interval '1 millisecond' END;
    lon := x[j] / 1e6::double precision;
    lat := y[j] / 1e6::double precision;
    accuracy := figure[j]::real / 10::real;
    speed := figure[n + j]::real / 20::real;
    course := figure[2 * n + j]::real / 0.5::real;
    flags := ((flag[j] + 2147483648) & 4294967295) - 2147483648; -- 32 bits, the highest of which is the sign here
    source := door[j];
    RETURN NEXT;
  END LOOP;
END $$;
-- +goose StatementEnd

-- trail_line is a chunk as a line whose M is the time in Unix seconds; NULL with fewer than two fixes.
CREATE FUNCTION trail_line(chunk bytea) RETURNS geometry LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN count(*) > 1 THEN ST_SetSRID(ST_MakeLine(ST_MakePointM(lon, lat, date_part('epoch', at - '1970-01-01 00:00:00+00'::timestamptz)) ORDER BY at), 4326) END FROM trail_fixes(chunk)
$$;

-- trail_days are the instants at which a worker's archive ends, day by day: what
-- lies before till is read from the chunks, what lies after it from fix.
CREATE FUNCTION trail_days(region bigint, worker bigint, since timestamptz, until timestamptz) RETURNS TABLE (day date, midnight timestamptz, till timestamptz)
LANGUAGE sql STABLE AS $$
  SELECT d::date, d AT TIME ZONE 'Asia/Shanghai', CASE WHEN t.dirty THEN d AT TIME ZONE 'Asia/Shanghai' ELSE COALESCE(t.until, d AT TIME ZONE 'Asia/Shanghai') END
  FROM generate_series(date_trunc('day', since AT TIME ZONE 'Asia/Shanghai'), date_trunc('day', until AT TIME ZONE 'Asia/Shanghai'), interval '1 day') d
  LEFT JOIN trail_day t ON t.region_id = region AND t.worker_id = worker AND t.day = d::date
$$;

-- trail_fixes reads a worker's fixes of [since, until): out of the archive where
-- it has them, else as they came, rounded alike.
CREATE FUNCTION trail_fixes(region bigint, worker bigint, since timestamptz, until timestamptz)
RETURNS TABLE (at timestamptz, lon double precision, lat double precision, accuracy real, speed real, course real, flags integer, source smallint)
LANGUAGE sql STABLE AS $$
  WITH days AS MATERIALIZED (SELECT * FROM trail_days(region, worker, since, until)), kept AS MATERIALIZED (
    SELECT c.device_id, x.* FROM days d
    JOIN trail_chunk c ON c.region_id = region AND c.worker_id = worker AND c.day = d.day AND c.from_at < until AND c.to_at >= since
    CROSS JOIN LATERAL trail_parts(c.day, c.parts) p
    CROSS JOIN LATERAL trail_fixes(substring(c.body FROM p.start FOR p.size)) x
    WHERE p.from_at < until AND p.to_at >= since AND x.at >= since AND x.at < until
  ), came AS (
    SELECT f.* FROM days d CROSS JOIN LATERAL (
      SELECT date_trunc('milliseconds', r.at) AS at, r.geom, r.accuracy, r.speed, r.course, r.flags, r.source, r.device_id FROM fix r
      WHERE r.region_id = region AND r.worker_id = worker AND r.at >= greatest(d.till, since) AND r.at < least(d.midnight + interval '1 day', until)
      UNION ALL
      SELECT date_trunc('milliseconds', o.at), o.geom, o.accuracy, o.speed, o.course, o.flags, o.source, o.device_id FROM fix_outside o
      WHERE o.region_id = region AND o.worker_id = worker AND o.at >= greatest(d.till, since) AND o.at < least(d.midnight + interval '1 day', until)
        AND NOT EXISTS (SELECT FROM fix r WHERE r.region_id = o.region_id AND r.worker_id = o.worker_id AND r.at = o.at AND r.device_id = o.device_id)
    ) f
  )
  SELECT k.at, k.lon, k.lat, k.accuracy, k.speed, k.course, k.flags, k.source FROM kept k
  UNION ALL
  SELECT f.at, round(ST_X(f.geom)::numeric, 6)::double precision, round(ST_Y(f.geom)::numeric, 6)::double precision,
    (round((f.accuracy::double precision * 10)::numeric) / 10)::real, (round((f.speed::double precision * 20)::numeric) / 20)::real,
    ((round((f.course::double precision / 2)::numeric) % 180) * 2)::real, f.flags, f.source
  FROM came f WHERE NOT EXISTS (SELECT FROM kept k WHERE k.device_id = f.device_id AND k.at = f.at)
  ORDER BY 1
$$;

-- trail_line is a worker's way of [since, until) as one line whose M is the time
-- in Unix seconds: every fix, also those that are implausible by their flags,
-- unless without names flags that rule a fix out.
CREATE FUNCTION trail_line(region bigint, worker bigint, since timestamptz, until timestamptz, without integer DEFAULT 0) RETURNS geometry LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN count(*) > 1 THEN ST_SetSRID(ST_MakeLine(ST_MakePointM(f.lon, f.lat, date_part('epoch', f.at - '1970-01-01 00:00:00+00'::timestamptz)) ORDER BY f.at), 4326) END
  FROM trail_fixes(region, worker, since, until) f WHERE f.flags & without = 0
$$;

-- The simplified ways as geometry, for a map and for a GIS.
CREATE VIEW trail_shape AS
SELECT c.region_id, c.worker_id, c.day, c.hour, c.seq, c.session_id, c.device_id, c.from_at, c.to_at, c.fixes, trail_line(c.line)::geometry(LineStringM, 4326) AS geom
FROM trail_chunk c;

-- What an archive run did: how long the night takes, and what a fix costs.
CREATE TABLE trail_run (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at      timestamptz NOT NULL,
  took_ms integer NOT NULL,
  days    integer NOT NULL,              -- worker-days written
  fixes   bigint NOT NULL,
  bytes   bigint NOT NULL,
  failed  integer NOT NULL DEFAULT 0
);

-- drop_fix_partition drops one day of fix and says what went. Unless it is past
-- keeping (force), every worker's fixes in it must be in the archive, counted (it
-- has more where the day was made anew for late ones); those that are not become
-- dirty, and the day stays. Nothing can be written to it between counting and dropping.
-- +goose StatementBegin
CREATE FUNCTION drop_fix_partition(utc date, force boolean, OUT dropped boolean, OUT fixes bigint, OUT bytes bigint, OUT missing bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  part text := 'fix_' || to_char(utc, 'YYYYMMDD');
  since timestamptz := utc::timestamp AT TIME ZONE 'UTC';
BEGIN
  dropped := false; fixes := 0; bytes := 0; missing := 0;
  IF to_regclass(part) IS NULL THEN RETURN; END IF;
  EXECUTE format('LOCK TABLE %I IN SHARE MODE', part);
  EXECUTE format('SELECT count(*) FROM %I', part) INTO fixes;
  bytes := pg_total_relation_size(to_regclass(part));
  IF NOT force AND fixes > 0 THEN
    EXECUTE format($q$
      WITH raw AS (
        SELECT region_id, worker_id, count(*) AS n FROM (
          SELECT region_id, worker_id FROM %1$I
          UNION ALL
          SELECT o.region_id, o.worker_id FROM fix_outside o WHERE o.at >= $1 AND o.at < $1 + interval '1 day'
            AND NOT EXISTS (SELECT FROM %1$I r WHERE r.region_id = o.region_id AND r.worker_id = o.worker_id AND r.at = o.at AND r.device_id = o.device_id)
        ) a GROUP BY region_id, worker_id
      ), kept AS (
        SELECT c.region_id, c.worker_id, sum(p.fixes) AS n FROM trail_chunk c JOIN trail_day t USING (region_id, day, worker_id) CROSS JOIN LATERAL trail_parts(c.day, c.parts) p
        WHERE c.day IN ($2, $2 + 1) AND p.from_at >= $1 AND p.from_at < $1 + interval '1 day' AND NOT t.dirty GROUP BY 1, 2
      ), short AS (
        SELECT raw.region_id, raw.worker_id FROM raw LEFT JOIN kept USING (region_id, worker_id) WHERE COALESCE(kept.n, 0) < raw.n
      ), mark AS (
        INSERT INTO trail_day AS t (region_id, worker_id, day) SELECT region_id, worker_id, d FROM short, unnest(ARRAY[$2, $2 + 1]) d
        ON CONFLICT (region_id, day, worker_id) DO UPDATE SET dirty = true
      )
      SELECT count(*) FROM short$q$, part) INTO missing USING since, utc;
    IF missing > 0 THEN RETURN; END IF;
  END IF;
  EXECUTE format('DROP TABLE %I', part);
  dropped := true;
END $$;
-- +goose StatementEnd
DROP FUNCTION drop_fix_partitions(integer, date);

-- What retention removed. Insert-only.
CREATE TABLE retention_run (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at      timestamptz NOT NULL,
  class   text NOT NULL,               -- raw_fix, track, fix_outside, playback, track_export
  cutoff  timestamptz NOT NULL,        -- what is older went
  rows    bigint NOT NULL,
  bytes   bigint NOT NULL DEFAULT 0,
  detail  text NOT NULL DEFAULT '',
  by_name text NOT NULL DEFAULT 'system'
);

-- A replay (轨迹回放): whose tracks an account may read for two hours, and why.
-- workers are in the order of the numbers in its frames.
CREATE TABLE playback (
  id            uuid PRIMARY KEY,
  account_id    bigint NOT NULL REFERENCES account,
  credential_id bigint NOT NULL,
  from_at       timestamptz NOT NULL,
  to_at         timestamptz NOT NULL,
  purpose       text NOT NULL CHECK (length(btrim(purpose)) >= 2),
  workers       bigint[] NOT NULL,
  created_at    timestamptz NOT NULL,
  expires_at    timestamptz NOT NULL,
  CHECK (to_at > from_at)
);

-- An export of tracks (轨迹导出): who asked for it, why, and who let it go.
CREATE TABLE track_export (
  id          uuid PRIMARY KEY,
  account_id  bigint NOT NULL REFERENCES account,
  playback_id uuid,
  workers     bigint[] NOT NULL,
  from_at     timestamptz NOT NULL,
  to_at       timestamptz NOT NULL,
  format      text NOT NULL CHECK (format IN ('gpx','geojson','csv','xlsx')),
  crs         text NOT NULL CHECK (crs IN ('EPSG:4326','EPSG:4490','GCJ-02','BD-09')),
  purpose     text NOT NULL CHECK (length(btrim(purpose)) >= 2),
  state       text NOT NULL CHECK (state IN ('waiting','ready','refused')),
  asked_at    timestamptz NOT NULL,
  decided_at  timestamptz, decided_by bigint REFERENCES account, reason text NOT NULL DEFAULT '',
  expires_at  timestamptz NOT NULL,
  taken       integer NOT NULL DEFAULT 0,  -- how often the file was fetched
  taken_at    timestamptz,
  CHECK (to_at > from_at),
  CHECK (decided_by IS NULL OR decided_by <> account_id)
);
CREATE INDEX track_export_account ON track_export (account_id, asked_at DESC);
CREATE INDEX track_export_waiting ON track_export (asked_at) WHERE state = 'waiting';
