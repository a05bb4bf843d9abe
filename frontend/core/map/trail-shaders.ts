// How a played trail is drawn.
//   walked   an opaque line with round ends, the later over the earlier: colours
//            that mean something are never mixed. Quieter after some minutes, or,
//            with a tail, thinner until it ends.
//   gap      a thin broken line, only once it is known where he was heard again
//   stay     a ring that closes while he stays
//   person   a disc with a beak when moving, a ring around a dot when staying, an
//            open dashed ring where he was last heard in a gap
// Nothing later than u_now is drawn: the step in progress ends at the playhead.

const laneTexel = `
vec4 laneOf(uvec4 look) { return texelFetch(u_lanes, ivec2(int(look.x) + int(look.y) * 256, 0), 0); }
// 0 hidden, 1 dimmed, 2 shown, 3 chosen
int rankOf(vec4 lane) { return int(lane.a * 3.0 + 0.5); }
vec3 tinted(vec4 lane, uint steps) {
  if (u_tint == 1) return u_speed[int(steps & 7u)];
  if (u_tint == 2) return u_accuracy[int((steps >> 4) & 7u)];
  return lane.rgb;
}`

export const lineVertex = `#version 300 es
layout(location=0) in vec4 a_line;   // a.xy, b.xy
layout(location=1) in vec2 a_time;   // from, to
layout(location=2) in uvec4 a_look;  // lane low, lane high, steps, kind
uniform mat4 u_matrix;
uniform vec2 u_view;                 // pixels
uniform float u_now, u_tail, u_width;
uniform int u_pass;                  // 0 = everybody, 1 = the chosen on top
uniform int u_tint;
uniform vec3 u_speed[8];
uniform vec3 u_accuracy[8];
uniform vec3 u_gap;
uniform sampler2D u_lanes;
out vec2 v_at;
out float v_age;
out float v_half;
flat out float v_length;
flat out vec3 v_colour;
flat out float v_strength;
flat out int v_kind;
${laneTexel}
void main() {
  gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
  vec4 lane = laneOf(a_look);
  int rank = rankOf(lane), kind = int(a_look.w);
  if (rank == 0 || (rank == 3) != (u_pass == 1) || u_now <= a_time.x) return;
  if (kind == 1 && u_now < a_time.y) return;
  if (u_tail > 0.0 && a_time.y < u_now - u_tail) return;
  float span = a_time.y - a_time.x;
  float k = span > 0.0 ? clamp((u_now - a_time.x) / span, 0.0, 1.0) : 1.0;
  vec4 a = u_matrix * vec4(a_line.xy, 0.0, 1.0);
  vec4 b = u_matrix * vec4(mix(a_line.xy, a_line.zw, k), 0.0, 1.0);
  vec2 pa = a.xy / a.w * 0.5 * u_view, pb = b.xy / b.w * 0.5 * u_view;
  vec2 along = pb - pa;
  v_length = length(along);
  along = v_length > 0.001 ? along / v_length : vec2(1.0, 0.0);
  bool end = (gl_VertexID & 1) == 1;
  v_age = u_now - (end ? min(u_now, a_time.y) : a_time.x);
  float full = (kind == 1 ? 0.45 : rank == 3 ? 0.62 : 0.5) * u_width;
  v_half = u_tail > 0.0 && kind == 0 ? full * clamp(1.15 - v_age / u_tail, 0.0, 1.0) : full;
  float reach = full + 1.0;
  float side = (gl_VertexID & 2) == 0 ? -1.0 : 1.0;
  vec2 p = (end ? pb + along * reach : pa - along * reach) + vec2(-along.y, along.x) * side * reach;
  gl_Position = vec4(p * 2.0 / u_view, 0.0, 1.0);
  v_at = vec2(end ? v_length + reach : -reach, side * reach);
  v_colour = kind == 1 ? u_gap : tinted(lane, a_look.z);
  v_strength = rank == 1 ? 0.25 : 1.0;
  v_kind = kind;
}`

export const lineFragment = `#version 300 es
precision highp float;
in vec2 v_at;
in float v_age;
in float v_half;
flat in float v_length;
flat in vec3 v_colour;
flat in float v_strength;
flat in int v_kind;
uniform float u_tail;
uniform vec3 u_ground;
out vec4 o;
void main() {
  float d = length(vec2(v_at.x - clamp(v_at.x, 0.0, v_length), v_at.y));
  float a = 1.0 - smoothstep(v_half - 0.7, v_half + 0.7, d);
  if (v_half < 0.7) a *= v_half / 0.7;
  if (v_kind == 1) a *= step(fract(v_at.x / 9.0), 0.55);
  if (a <= 0.004) discard;
  float bright = v_strength;
  if (v_kind == 1) bright *= 0.75;
  else if (u_tail == 0.0) bright *= mix(0.62, 1.0, 1.0 - smoothstep(300.0, 900.0, v_age));
  o = vec4(mix(u_ground, v_colour, bright) * a, a);
}`

export const ringVertex = `#version 300 es
layout(location=0) in vec2 a_place;
layout(location=1) in vec2 a_time;
layout(location=2) in uvec4 a_look;
uniform mat4 u_matrix;
uniform float u_now, u_size, u_past;
uniform int u_tint;
uniform vec3 u_speed[8];
uniform vec3 u_accuracy[8];
uniform vec3 u_ring;
uniform sampler2D u_lanes;
flat out vec3 v_colour;
flat out float v_part, v_pixel, v_strength;
${laneTexel}
void main() {
  gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
  gl_PointSize = 1.0;
  vec4 lane = laneOf(a_look);
  int rank = rankOf(lane);
  bool past = u_now >= a_time.y;
  if (rank == 0 || u_now < a_time.x || (past && u_past == 0.0 && rank != 3)) return;
  gl_Position = u_matrix * vec4(a_place, 0.0, 1.0);
  float minutes = (min(u_now, a_time.y) - a_time.x) / 60.0;
  gl_PointSize = u_size * (1.1 + 0.32 * log2(1.0 + minutes));
  v_pixel = 2.0 / gl_PointSize;
  v_part = past ? 1.0 : clamp((u_now - a_time.x) / max(1.0, a_time.y - a_time.x), 0.0, 1.0);
  v_colour = u_tint == 0 ? lane.rgb : u_ring;
  v_strength = (rank == 1 ? 0.2 : 1.0) * (past ? 0.5 : 1.0);
}`

export const ringFragment = `#version 300 es
precision highp float;
flat in vec3 v_colour;
flat in float v_part, v_pixel, v_strength;
out vec4 o;
void main() {
  vec2 q = gl_PointCoord * 2.0 - 1.0;
  float r = length(q);
  float wide = max(0.9 * v_pixel, 0.035);
  float ring = 1.0 - smoothstep(wide, wide + v_pixel, abs(r - 0.86));
  float turn = fract(atan(q.x, -q.y) / 6.2831853 + 1.0);
  float a = ring * (turn <= v_part ? 1.0 : 0.28) + (1.0 - smoothstep(0.84, 0.86, r)) * 0.10;
  a *= v_strength;
  if (a <= 0.004) discard;
  o = vec4(v_colour * a, a);
}`

export const personVertex = `#version 300 es
layout(location=0) in vec2 a_place;
layout(location=1) in uvec4 a_look;  // lane low, lane high, steps, being
layout(location=2) in uvec4 a_turn;  // heading, has heading
uniform mat4 u_matrix;
uniform float u_size;
uniform int u_pass;                  // 0 = everybody, 1 = the chosen on top
uniform int u_tint;
uniform vec3 u_speed[8];
uniform vec3 u_accuracy[8];
uniform vec3 u_gap;
uniform sampler2D u_lanes;
flat out vec3 v_colour;
flat out vec2 v_heading;
flat out int v_being, v_headed, v_chosen;
flat out float v_pixel, v_strength;
${laneTexel}
void main() {
  gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
  gl_PointSize = 1.0;
  vec4 lane = laneOf(a_look);
  int rank = rankOf(lane);
  if (rank == 0 || (rank == 3) != (u_pass == 1)) return;
  gl_Position = u_matrix * vec4(a_place, 0.0, 1.0);
  gl_PointSize = u_size * (rank == 3 ? 1.5 : 1.0);
  v_pixel = 2.0 / gl_PointSize;
  float h = float(a_turn.x) / 256.0 * 6.2831853;
  v_heading = vec2(sin(h), cos(h));
  v_headed = int(a_turn.y);
  v_being = int(a_look.w);
  v_chosen = rank == 3 ? 1 : 0;
  v_colour = v_being == 1 ? mix(tinted(lane, a_look.z), u_gap, 0.5) : tinted(lane, a_look.z);
  v_strength = rank == 1 ? 0.2 : 1.0;
}`

export const personFragment = `#version 300 es
precision highp float;
flat in vec3 v_colour;
flat in vec2 v_heading;
flat in int v_being, v_headed, v_chosen;
flat in float v_pixel, v_strength;
uniform vec3 u_edge, u_halo;
out vec4 o;
float cover(float d) { return 1.0 - smoothstep(-v_pixel, v_pixel, d); }
void main() {
  vec2 q = gl_PointCoord * 2.0 - 1.0;
  if (v_chosen == 1) q *= 1.35;
  float body = length(q);
  float ink = 0.0, dark = 0.0, shine = 0.0;
  if (v_being == 3) {
    float d = body - 0.42;
    if (v_headed == 1) {
      vec2 r = vec2(q.x * v_heading.y + q.y * v_heading.x, -q.x * v_heading.x + q.y * v_heading.y);
      float along = (-r.y - 0.20) / 0.72;
      d = min(d, max(abs(r.x) - 0.40 * (1.0 - along), max(-along, along - 1.0) * 0.5));
    }
    ink = cover(d);
    dark = cover(d - 0.14);
    shine = cover(body - 0.15) * 0.85;
  } else if (v_being == 2) {
    ink = max(cover(abs(body - 0.42) - 0.11), cover(body - 0.17));
    dark = cover(body - 0.66);
  } else {
    float a = abs(fract(atan(q.y, q.x) / 6.2831853 * 6.0) - 0.5);
    ink = cover(abs(body - 0.42) - 0.09) * smoothstep(0.12, 0.18, a);
    dark = cover(abs(body - 0.42) - 0.2) * 0.8;
  }
  vec3 c = mix(mix(u_edge, v_colour, ink), vec3(1.0), shine);
  float a = max(dark * 0.85, ink);
  if (v_chosen == 1) {
    float halo = cover(abs(body - 1.18) - 0.08);
    c = mix(c, u_halo, halo);
    a = max(a, halo);
  }
  a *= v_strength;
  if (a <= 0.004) discard;
  o = vec4(c * a, a);
}`
